//! Becomes the program: gives everything up, and executes it.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::Result;
use nix::sys::signal::{SigHandler, SigSet, Signal};
use nix::unistd::setsid;
use seccompiler::BpfProgram;

use crate::confine;
use crate::place::{Place, Spaces};
use crate::spec::Job;

/// The program's ends of what connects it with the supervisor.
pub(crate) struct Ends {
    pub(crate) channel: OwnedFd,
    pub(crate) prints: OwnedFd,
    pub(crate) reads: OwnedFd,
}

/// What it takes to start a job, made before the fork.
pub(crate) struct Start<'a> {
    spaces: &'a Spaces,
    place: &'a Place,
    job: &'a Job,
    landlock: bool,
    /// Processes that count for the same limit.
    others: u64,
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl<'a> Start<'a> {
    pub(crate) fn new(
        spaces: &'a Spaces,
        place: &'a Place,
        job: &'a Job,
        landlock: bool,
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
        Ok(Start { spaces, place, job, landlock, others, program, arguments, environment })
    }
    /// In the child: gives everything up and becomes the program. Returns only if that fails.
    pub(crate) fn become_job(&self, filters: &[BpfProgram], ends: &Ends) -> anyhow::Error {
        let attempt = || -> Result<()> {
            setsid()?;
            let _ = SigSet::empty().thread_set_mask();
            std::env::set_current_dir(&self.place.work)?;
            // SAFETY: descriptors 0 to 3 of this process are about to be the program's.
            unsafe {
                libc::dup2(ends.reads.as_raw_fd(), 0);
                libc::dup2(ends.prints.as_raw_fd(), 1);
                libc::dup2(ends.prints.as_raw_fd(), 2);
                if let Some(channel) = &self.job.channel {
                    // dup2 onto itself would leave the flag that closes it.
                    let high = libc::fcntl(ends.channel.as_raw_fd(), libc::F_DUPFD, 10);
                    libc::dup2(high, channel.descriptor);
                }
                let first = if self.job.channel.is_some() { 4 } else { 3 };
                libc::close_range(first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as i32);
            }
            if self.job.channel.is_some() {
                // Otherwise std installs handlers of its own, and gives each thread a stack for
                // them that is too small to say from there where a thread is.
                for signal in [Signal::SIGSEGV, Signal::SIGBUS] {
                    // SAFETY: no handler is installed.
                    unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn)? };
                }
            }
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            confine::limit(self.job, self.others)?;
            nix::sys::prctl::set_no_new_privs()?;
            if self.landlock {
                let mut writable = vec![self.place.temporary.as_path()];
                if self.spaces.mount {
                    writable.push(Path::new("/dev/shm"));
                }
                confine::landlock(self.job, &self.place.work, &writable)?;
            }
            confine::seccomp(filters)?;
            nix::unistd::execve(&self.program, &self.arguments, &self.environment)?;
            Ok(())
        };
        match attempt() {
            Err(error) => error,
            Ok(()) => anyhow::anyhow!("execve returned"),
        }
    }
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
