//! Child processes that cannot outlive their parent, and a guard that ends and reaps them.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid};

pub use crate::unavailable::{explain, explain_io};

/// How long a child of an experiment may live.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Makes the kernel kill this process when its parent ends (`PR_SET_PDEATHSIG`, prctl(2)).
///
/// The signal is lost if the parent was gone before the call, so that is checked afterwards.
/// Beware: "parent" means the thread that called fork, not its process.
pub fn die_with(parent: Pid) {
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    if getppid() != parent {
        // SAFETY: _exit(2) is always safe to call.
        unsafe { libc::_exit(1) };
    }
}

/// Ends a forked child at once, without running destructors or handlers of its parent's copy.
pub fn exit(status: i32) -> ! {
    // SAFETY: _exit(2) is always safe to call.
    unsafe { libc::_exit(status) }
}

/// Turns core dumps off, for a process whose crash is the lesson.
///
/// A limit of zero stops a dump into a file. Where `core_pattern` names a program the limit does
/// not bind (core(5)), so the process is marked as not dumpable too. Then /proc/pid/syscall and
/// its like are closed to an unprivileged parent.
pub fn no_core_dump() {
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// A child process. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    reaped: bool,
}

impl Child {
    /// Forks a child that runs `body` and exits with the status that it returns. The child dies
    /// with this thread. A panic in `body` ends the child by SIGABRT.
    ///
    /// # Safety
    ///
    /// As for fork(2): if this process has other threads, `body` may only call functions that are
    /// async-signal-safe, because a lock that another thread holds stays locked in the child.
    pub unsafe fn fork(body: impl FnOnce() -> i32) -> Result<Child> {
        let parent = nix::unistd::getpid();
        // SAFETY: the caller keeps the contract.
        match unsafe { fork() }.map_err(explain("fork"))? {
            ForkResult::Child => {
                die_with(parent);
                let body = std::panic::AssertUnwindSafe(body);
                match std::panic::catch_unwind(|| { body }.0()) {
                    Ok(status) => exit(status),
                    Err(_) => std::process::abort(),
                }
            }
            ForkResult::Parent { child } => Ok(Child::adopt(child)),
        }
    }

    /// Takes responsibility for a child that was made in another way.
    pub fn adopt(pid: Pid) -> Child {
        Child { pid, reaped: false }
    }

    /// The child's process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal; a child that is gone is not an error.
    pub fn signal(&self, signal: Signal) {
        if !self.reaped {
            let _ = kill(self.pid, signal);
        }
    }

    /// Waits for the end of the child for at most [`LIMIT`] and reaps it.
    pub fn wait(self) -> Result<WaitStatus> {
        let pid = self.pid;
        match self.wait_for(LIMIT)? {
            Ok(status) => Ok(status),
            Err(_) => bail!("child {pid} did not end within {} s and was killed", LIMIT.as_secs()),
        }
    }

    /// Waits for the end of the child for at most `limit`; hands the child back if it lives.
    pub fn wait_for(mut self, limit: Duration) -> Result<Result<WaitStatus, Child>> {
        if !self.ends_within(limit)? {
            return Ok(Err(self));
        }
        loop {
            match waitpid(self.pid, None) {
                Err(Errno::EINTR) => continue,
                status => {
                    self.reaped = true;
                    return Ok(Ok(status.context("waitpid")?));
                }
            }
        }
    }

    /// Whether the child ends within `limit`; it is not reaped.
    pub fn ends_within(&self, limit: Duration) -> Result<bool> {
        let pidfd = pidfd_open(self.pid).map_err(explain("pidfd_open"))?;
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now()).as_millis() as i32;
            let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Err(Errno::EINTR) => continue,
                ready => return Ok(ready.context("poll")? > 0),
            }
        }
    }

    /// Kills the child and reaps it.
    pub fn kill(self) -> Result<WaitStatus> {
        self.signal(Signal::SIGKILL);
        self.wait()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

/// A descriptor that becomes readable when `pid` ends, pidfd_open(2).
pub fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes two integers and returns a descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    // SAFETY: the kernel has just opened this descriptor for us, nobody else owns it.
    Errno::result(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// A wait status in words: `exited with 7`, `was ended by SIGSEGV`.
pub fn in_words(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exited with {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("was ended by {signal}"),
        WaitStatus::Stopped(_, signal) => format!("was stopped by {signal}"),
        other => format!("changed its state: {other:?}"),
    }
}

/// Kills and reaps every child that this process still has, until none is left; returns how many
/// there were. With `PR_SET_CHILD_SUBREAPER` orphaned grandchildren are among them.
pub(crate) fn sweep() -> usize {
    let mut swept = 0;
    loop {
        let path = format!("/proc/self/task/{}/children", nix::unistd::gettid());
        for pid in std::fs::read_to_string(path).unwrap_or_default().split_whitespace() {
            let _ = kill(Pid::from_raw(pid.parse().unwrap_or(i32::MAX)), Signal::SIGKILL);
        }
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(_) => swept += 1,
            Err(Errno::EINTR) => {}
            Err(_) => return swept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_without_core_dump_says_so_in_its_status() {
        // SAFETY: the child calls setrlimit, prctl and raise, all plain system calls.
        let child = unsafe {
            Child::fork(|| {
                no_core_dump();
                let _ = nix::sys::signal::raise(Signal::SIGABRT);
                0
            })
        }
        .unwrap();
        let pid = child.pid();
        assert_eq!(child.wait().unwrap(), WaitStatus::Signaled(pid, Signal::SIGABRT, false));
    }
}
