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
use crate::identity::drop_capabilities;
use crate::limits;
use crate::memory::Owner;
use crate::place::{Place, Spaces};
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
        let others = if spaces.user { 4 } else { threads_of_user() };
        Ok(Start { spec, spaces, place, job, others, program, arguments, environment })
    }
    /// In the child: gives everything up and becomes the program. Returns only if that fails.
    pub(crate) fn become_job(&self, ends: &Ends) -> anyhow::Error {
        let attempt = || -> Result<()> {
            setsid()?;
            let _ = SigSet::empty().thread_set_mask();
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
            limits::limit(self.job, self.others)?;
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
        let mut first = 0;
        for (end, number) in wanted {
            // A duplicate onto itself would keep the flag that closes it, and one that is low could
            // be in the way of the next.
            // SAFETY: takes a descriptor that is open, and integers.
            let high = unsafe { libc::fcntl(end.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 64) };
            Errno::result(high).context("F_DUPFD_CLOEXEC")?;
            // SAFETY: descriptors of these numbers are about to be the program's.
            Errno::result(unsafe { libc::dup2(high, number) }).context("dup2")?;
            first = first.max(number + 1);
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

/// Processes and threads that this user has now, where the limit counts all of them.
fn threads_of_user() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let me = nix::unistd::geteuid().as_raw();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mine = entries.filter(|entry| entry.metadata().is_ok_and(|m| m.uid() == me));
    mine.map(|entry| {
        fs::read_dir(entry.path().join("task")).map_or(0, |tasks| tasks.count() as u64)
    })
    .sum()
}
