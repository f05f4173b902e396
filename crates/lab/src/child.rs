//! Child processes that cannot outlive their parent, and a guard that ends and reaps them.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid};

use crate::events::{self, Stretch};
use crate::machine::Busy;
use crate::{AtDeath, TimeLimit, Unavailable, proc, start, supervise};

pub use crate::temporary::explain_temporary;
pub use crate::unavailable::{explain, explain_io, explain_spawn, explain_thread};

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
    events::exits(status);
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
                start::usual_dispositions();
                events::begin();
                let body = std::panic::AssertUnwindSafe(body);
                match std::panic::catch_unwind(|| { body }.0()) {
                    Ok(status) => exit(status),
                    Err(_) => std::process::abort(),
                }
            }
            ForkResult::Parent { child } => Ok(Child { pid: child, reaped: false }),
        }
    }

    /// Takes responsibility for a child that was made in another way.
    pub fn adopt(pid: Pid) -> Child {
        events::adopted(pid);
        Child { pid, reaped: false }
    }

    /// The child's process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal. A child that has ended takes it without effect.
    ///
    /// # Errors
    ///
    /// If the kernel refuses to send it.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        events::signals(self.pid, signal);
        kill(self.pid, signal).map_err(explain("kill"))
    }

    /// Waits for the end of the child for at most [`LIMIT`] and reaps it.
    pub fn wait(self) -> Result<WaitStatus> {
        let pid = self.pid;
        match self.wait_for(LIMIT)? {
            Ok(status) => Ok(status),
            Err(_) => Err(late(&format!("child {pid} did not end within {} s", LIMIT.as_secs()))),
        }
    }

    /// Waits for the end of the child for at most `limit`; hands the child back if it lives.
    pub fn wait_for(mut self, limit: Duration) -> Result<Result<WaitStatus, Child>> {
        let waits = Stretch::begin();
        let has_ended = self.ends_within(limit)?;
        waits.end(trace::UNTOLD, format_args!("waits for process {}", self.pid));
        if !has_ended {
            return Ok(Err(self));
        }
        let status = reap(self.pid);
        self.reaped = true;
        Ok(Ok(status.context("waitpid")?))
    }

    /// Whether the child ends within `limit`; it is not reaped. Time in which it or this process
    /// was stopped does not count.
    pub fn ends_within(&self, limit: Duration) -> Result<bool> {
        // Where there is no pidfd (an old kernel, a filter, no free descriptor), it is looked again.
        let pidfd = pidfd_open(self.pid).ok();
        let mut limit = TimeLimit::new(limit);
        loop {
            match &pidfd {
                Some(pidfd) => {
                    // Rounded up, so that less than a millisecond is not asked for again and again.
                    let slice = limit.slice().as_micros().div_ceil(1000) as u16;
                    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
                    match poll(&mut fds, PollTimeout::from(slice)) {
                        Ok(0) | Err(Errno::EINTR) => {}
                        ready => return Ok(ready.map_err(explain("poll"))? > 0),
                    }
                }
                None if has_ended(self.pid)? => return Ok(true),
                None => std::thread::sleep(limit.slice().min(Duration::from_millis(1))),
            }
            if limit.slice() == TimeLimit::SLICE && proc::is_stopped(self.pid) {
                limit.forgive();
            }
            if limit.is_over() {
                return Ok(false);
            }
        }
    }

    /// Kills the child and reaps it.
    pub fn kill(self) -> Result<WaitStatus> {
        events::signals(self.pid, Signal::SIGKILL);
        kill(self.pid, Signal::SIGKILL).map_err(explain("kill"))?;
        self.wait()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        events::signals(self.pid, Signal::SIGKILL);
        match kill(self.pid, Signal::SIGKILL) {
            // Nobody asks how it ended, and an error says that there is no child left to reap.
            Ok(()) | Err(Errno::ESRCH) => drop(reap(self.pid)),
            // A child that was not killed may never end, so nobody waits for it here: it dies with
            // this process, by its parent-death signal or by the supervisor's sweep.
            Err(errno) => supervise::note_not_killed(errno),
        }
    }
}

/// Waits for the end of a child and reaps it, waitpid(2). A signal that is handled meanwhile
/// interrupts the call, and a child that nobody waits for again stays a zombie; so it is called again.
///
/// # Errors
///
/// `ECHILD` if there is no such child any more, `EINVAL` if a signal ended it for which
/// [`WaitStatus`] has no name, such as a real-time signal: it is reaped then.
pub fn reap(pid: Pid) -> nix::Result<WaitStatus> {
    loop {
        match waitpid(pid, None) {
            Err(Errno::EINTR) => {}
            status => {
                if let Ok(WaitStatus::Signaled(pid, signal, _)) = status {
                    supervise::note_limit(pid, signal);
                }
                return status.inspect(|status| events::reaped(*status));
            }
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

/// Whether a child has ended; it is not reaped.
fn has_ended(pid: Pid) -> Result<bool> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match nix::sys::wait::waitid(nix::sys::wait::Id::Pid(pid), flags) {
        Err(Errno::EINTR) => Ok(false),
        status => Ok(status.map_err(explain("waitid"))? != WaitStatus::StillAlive),
    }
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

/// Tells the supervisor why this child of an experiment fails, and returns the status to exit with.
/// What this machine does not allow is then inconclusive, and said with its reason, although it
/// happened in another process than the experiment's own.
pub fn failed(error: &anyhow::Error) -> i32 {
    supervise::note(error);
    1
}

/// The status to exit with for a child whose work came to this: 0, or that of a failure, of which the
/// supervisor is told as by [`failed`].
pub fn status<T>(outcome: Result<T, impl Into<anyhow::Error>>) -> i32 {
    outcome.map_or_else(|error| failed(&error.into()), |_| 0)
}

/// Ends this process of an experiment from one of its threads, whatever the others wait for, and
/// tells the supervisor why, as [`failed`] does.
pub fn give_up(error: &anyhow::Error) -> ! {
    exit(failed(error))
}

/// The error for work that a signal ended: some signals tell of a limit, setrlimit(2).
pub fn ended_by(what: &str, signal: Signal) -> anyhow::Error {
    let what = format!("{what} was ended by {signal}");
    match supervise::limit_of(signal) {
        Some(limit) => Unavailable::because(format!("{what}: {limit}")).into(),
        None => anyhow::anyhow!(what),
    }
}

/// The error for something that took too long: on a busy machine nothing can be said.
pub fn late(what: &str) -> anyhow::Error {
    let watch = Busy::begin();
    std::thread::sleep(Duration::from_millis(200));
    late_while(what, watch.so_far())
}

/// The same where the machine was `busy`, or was not.
fn late_while(what: &str, busy: Option<String>) -> anyhow::Error {
    match busy {
        Some(busy) => Unavailable::because(format!("{what}: {busy}")).into(),
        None => anyhow::anyhow!("{what}"),
    }
}

/// Kills and reaps every child that this process has, until none is left; returns how many there
/// were. With `PR_SET_CHILD_SUBREAPER` orphaned grandchildren are among them.
pub(crate) fn sweep() -> usize {
    let mut swept = 0;
    let mut limit = TimeLimit::new(LIMIT);
    loop {
        for pid in proc::children(std::process::id()).unwrap_or_default() {
            // What removes a name is let do so: its maker is dead, so it takes a moment.
            let pid = Pid::from_raw(pid as i32);
            let removes_a_name = || {
                let name = proc::status(pid, "Name");
                name.is_some_and(|name| name.as_bytes() == AtDeath::NAME.to_bytes())
            };
            if limit.is_over() || !removes_a_name() {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
        match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
            // Killed, but not gone yet; or /proc does not show whom to kill.
            Ok(WaitStatus::StillAlive) if !limit.is_over() => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(WaitStatus::StillAlive) => return swept + 1,
            Ok(status) => {
                events::reaped(status);
                swept += 1;
            }
            // It was reaped, too: what ended it is a signal that has no name here.
            Err(Errno::EINVAL) => swept += 1,
            Err(Errno::EINTR) => {}
            Err(_) => return swept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_seen_to_end_without_a_pidfd() {
        // SAFETY: the child only sleeps.
        let child = unsafe {
            Child::fork(|| {
                std::thread::sleep(Duration::from_secs(30));
                0
            })
        }
        .unwrap();
        assert!(!has_ended(child.pid()).unwrap());
        child.signal(Signal::SIGKILL).unwrap();
        while !has_ended(child.pid()).unwrap() {
            std::thread::yield_now();
        }
        assert!(child.ends_within(Duration::ZERO).unwrap());
    }

    #[test]
    fn time_in_which_a_child_is_stopped_does_not_count() {
        // SAFETY: the child only sleeps.
        let child = unsafe {
            Child::fork(|| {
                std::thread::sleep(Duration::from_millis(300));
                0
            })
        }
        .unwrap();
        child.signal(Signal::SIGSTOP).unwrap();
        let pid = child.pid();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                std::thread::sleep(Duration::from_millis(1500));
                kill(pid, Signal::SIGCONT).unwrap();
            });
            assert!(child.ends_within(Duration::from_millis(1000)).unwrap());
        });
    }

    #[test]
    fn a_signal_may_tell_of_a_limit() {
        let limited = ended_by("the work", Signal::SIGXFSZ);
        assert!(limited.is::<Unavailable>() && limited.to_string().contains("ulimit -f"));
        for signal in [Signal::SIGSEGV, Signal::SIGKILL] {
            assert!(!ended_by("the work", signal).is::<Unavailable>());
        }
    }

    #[test]
    fn slowness_alone_is_no_failure_on_a_busy_machine() {
        let busy = late_while("child 7 did not end", Some("the machine is busy".to_owned()));
        assert!(busy.is::<Unavailable>());
        assert_eq!(busy.to_string(), "child 7 did not end: the machine is busy");
        assert!(!late_while("child 7 did not end", None).is::<Unavailable>());
    }

    #[test]
    fn a_sweep_goes_on_after_a_child_that_a_nameless_signal_ended() {
        // SAFETY: the children of this child raise a signal, or sleep; it has no others.
        let sweeper = unsafe {
            Child::fork(|| {
                for _ in 0..3 {
                    std::mem::forget(Child::fork(|| libc::raise(libc::SIGRTMIN() + 1)).unwrap());
                }
                std::mem::forget(Child::fork(|| nix::unistd::sleep(30) as i32).unwrap());
                sweep() as i32
            })
        }
        .unwrap();
        let pid = sweeper.pid();
        assert_eq!(sweeper.wait().unwrap(), WaitStatus::Exited(pid, 4));
    }

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
