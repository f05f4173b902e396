//! Becomes the program: gives everything up, and executes it.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{SigHandler, SigSet, Signal};
use nix::unistd::setsid;

use crate::calls::{self, Situation};
use crate::files;
use crate::identity::{drop_capabilities, is_stranger};
use crate::limits;
use crate::memory::Owner;
use crate::place::{Place, Spaces};
use crate::processes;
use crate::spec::{Job, Spec};

/// The program's ends of what connects it with the supervisor.
pub(crate) struct Ends {
    pub(crate) channel: OwnedFd,
    pub(crate) prints: OwnedFd,
    pub(crate) reads: OwnedFd,
}

/// What it takes to start a job, made before the fork.
pub(crate) struct Start<'a> {
    spec: &'a Spec,
    spaces: &'a Spaces,
    place: &'a Place,
    job: &'a Job,
    /// Processes that count for the same limit.
    others: u64,
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl<'a> Start<'a> {
    pub(crate) fn new(
        spec: &'a Spec,
        spaces: &'a Spaces,
        place: &'a Place,
        job: &'a Job,
    ) -> Result<Start<'a>> {
        let work = place.work.to_string_lossy();
        let temporary = place.temporary.to_string_lossy();
        let fill = |text: &str| text.replace("{work}", &work).replace("{tmp}", &temporary);
        let program = place.work.join(&job.program);
        let program = CString::new(program.to_string_lossy().as_bytes())?;
        let mut arguments = vec![program.clone()];
        for argument in &job.arguments {
            arguments.push(CString::new(fill(argument))?);
        }
        let mut environment = vec![CString::new(format!("TMPDIR={temporary}"))?];
        for (name, value) in &job.environment {
            environment.push(CString::new(format!("{name}={}", fill(value)))?);
        }
        let others = if spaces.user { 4 } else { processes::threads_of_user() };
        Ok(Start { spec, spaces, place, job, others, program, arguments, environment })
    }
    /// In the child: gives everything up and becomes the program. Returns only if that fails.
    pub(crate) fn become_job(&self, ends: &Ends) -> anyhow::Error {
        let attempt = || -> Result<()> {
            setsid()?;
            let _ = SigSet::empty().thread_set_mask();
            // What whoever started the caller ignores is not what the program is to ignore.
            // By the system call, since libc keeps two of them to itself.
            let default = [0_u64; 4];
            for signal in 1..=libc::SIGRTMAX() {
                // SAFETY: zeros are the default action, which runs no code, in every layout of the
                // kernel's structure. The call fails for those signals that have no other.
                unsafe {
                    libc::syscall(libc::SYS_rt_sigaction, signal, &raw const default, 0, 8);
                }
            }
            std::env::set_current_dir(&self.place.work)?;
            self.connect(ends)?;
            if self.job.channel.is_some() {
                // Otherwise std installs handlers of its own, and gives each thread a stack for
                // them that is too small to say from there where a thread is.
                for signal in [Signal::SIGSEGV, Signal::SIGBUS] {
                    // SAFETY: no handler is installed.
                    unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn)? };
                }
            }
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            let alone = self.spaces.user || self.spaces.drop.is_some_and(is_stranger);
            limits::limit(self.job, self.others, !alone)?;
            drop_capabilities()?;
            nix::sys::prctl::set_no_new_privs()?;
            if self.spec.wants("Landlock") {
                let mut writable = vec![self.place.temporary.as_path()];
                if self.spaces.mount {
                    writable.push(Path::new("/dev/shm"));
                }
                files::restrict(self.job, &self.spec.needed, &self.place.work, &writable)?;
            }
            self.execute()
        };
        match attempt() {
            Err(error) => error,
            Ok(()) => anyhow::anyhow!("execve returned"),
        }
    }

    /// Gives the program its descriptors, and no others.
    fn connect(&self, ends: &Ends) -> Result<()> {
        let mut wanted = vec![(&ends.reads, 0), (&ends.prints, 1), (&ends.prints, 2)];
        wanted.extend(self.job.channel.as_ref().map(|it| (&ends.channel, it.descriptor)));
        let first = wanted.iter().map(|(_, number)| number + 1).max().unwrap_or(0);
        // Those that are low could be in the way of each other, so all are put beyond first; and a
        // duplicate onto itself would keep the flag that closes it.
        let high = wanted.iter().map(|(end, number)| {
            // SAFETY: takes a descriptor that is open, and integers.
            let high = unsafe { libc::fcntl(end.as_raw_fd(), libc::F_DUPFD_CLOEXEC, first) };
            Ok((Errno::result(high).context("F_DUPFD_CLOEXEC")?, *number))
        });
        for (high, number) in high.collect::<Result<Vec<_>>>()? {
            // SAFETY: descriptors of these numbers are about to be the program's.
            Errno::result(unsafe { libc::dup2(high, number) }).context("dup2")?;
        }
        close_on_exec(first)
    }

    /// Restricts the system calls, and executes the program.
    fn execute(&self) -> Result<()> {
        let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
            strings.iter().map(|it| it.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environment));
        let address = |pointer: *const *const libc::c_char| pointer as u64;
        let situation = Situation {
            me: std::process::id() as i32,
            execve: [
                self.program.as_ptr() as u64,
                address(arguments.as_ptr()),
                address(environment.as_ptr()),
            ],
            beyond_reach: self.spaces.judges.clone(),
            own_root: self.spaces.mount,
            own_memory: self.spaces.memory() != Owner::Nobody,
        };
        if self.spec.wants("seccomp") {
            calls::restrict(&calls::filters(self.job, &situation)?)?;
        }
        // SAFETY: the strings end with a zero and their lists with a null pointer.
        unsafe {
            libc::execve(self.program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
        }
        Err(std::io::Error::last_os_error().into())
    }
}

/// Lets every descriptor from `first` on be closed by execve.
fn close_on_exec(first: i32) -> Result<()> {
    // SAFETY: close_range(2) takes integers.
    let done = unsafe {
        let flag = libc::CLOSE_RANGE_CLOEXEC;
        libc::syscall(libc::SYS_close_range, first, u32::MAX, flag)
    };
    if done == 0 {
        return Ok(());
    }
    // It is younger than the flag, or refused, as in some containers.
    let descriptors = fs::read_dir("/proc/self/fd").context("/proc/self/fd")?.flatten();
    let numbers = descriptors.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for number in numbers.filter(|number: &i32| *number >= first) {
        // SAFETY: takes a descriptor by number and an integer; it fails if that is not open.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}
