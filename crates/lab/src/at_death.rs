//! Removes names that outlive processes (a FIFO, a queue, a named semaphore), however the process
//! that made them ends.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use nix::sys::prctl::set_name;
use nix::sys::signal::SigSet;
use nix::unistd::{ForkResult, Pid, fork, setsid};

use crate::child::{exit, explain, reap};

/// A promise that an action is carried out when this value is dropped, or when its process ends:
/// by Ctrl-C and SIGKILL, too.
///
/// A child in a session of its own waits for the end of a pipe that nobody else can write to. When
/// it comes the child acts and ends. The supervisor's sweep knows it by its name and lets it act.
#[must_use = "the action is carried out when this value is dropped"]
pub struct AtDeath {
    child: Pid,
    alive: Option<OwnedFd>,
}

impl AtDeath {
    /// What the kernel shows as the name of the process that acts, `/proc/pid/comm`.
    pub(crate) const NAME: &CStr = c"at-death";

    /// Promises the action. If that is not possible it is carried out at once, so that what was made
    /// before is not left.
    ///
    /// # Errors
    ///
    /// If no pipe or no process can be made.
    ///
    /// # Safety
    ///
    /// As for fork(2): if this process has other threads, the action may only call functions that
    /// are async-signal-safe.
    pub unsafe fn promise(action: impl FnOnce()) -> Result<AtDeath> {
        // SAFETY: the caller keeps the contract.
        let (forked, [ended, alive, ready, is_ready]) = match unsafe { fork_with_pipes() } {
            Ok(made) => made,
            Err(error) => {
                action();
                return Err(error);
            }
        };
        match forked {
            ForkResult::Child => {
                drop(alive);
                let _ = (SigSet::all().thread_block(), setsid(), set_name(AtDeath::NAME));
                drop(is_ready);
                let _ = File::from(ended).read(&mut [0]);
                action();
                exit(0)
            }
            ForkResult::Parent { child } => {
                drop(is_ready);
                // Nothing is made before a signal to the whole group cannot reach the child.
                let _ = File::from(ready).read(&mut [0]);
                Ok(AtDeath { child, alive: Some(alive) })
            }
        }
    }
}

/// Forks, with both ends of two pipes between the two.
unsafe fn fork_with_pipes() -> Result<(ForkResult, [OwnedFd; 4])> {
    let (ended, alive) = std::io::pipe().context("pipe")?;
    let (ready, is_ready) = std::io::pipe().context("pipe")?;
    // SAFETY: the caller keeps the contract of fork(2).
    let forked = unsafe { fork() }.map_err(explain("fork"))?;
    Ok((forked, [ended.into(), alive.into(), ready.into(), is_ready.into()]))
}

impl Drop for AtDeath {
    fn drop(&mut self) {
        drop(self.alive.take());
        // It says nothing by its status, and an error says that there is no child left to reap.
        let _ = reap(self.child);
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use nix::errno::Errno;
    use nix::sys::resource::{Resource, setrlimit};
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, Signal, sigaction};
    use nix::sys::wait::{WaitStatus, waitpid};

    use super::*;
    use crate::child::{Child, LIMIT};
    use crate::proc::comes_to_block_in;

    #[test]
    fn a_signal_does_not_keep_it_from_being_reaped() {
        extern "C" fn nothing(_: i32) {}
        let handler = SigHandler::Handler(nothing);
        // Without SA_RESTART waitpid says EINTR.
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing.
        unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
        // SAFETY: the action only sleeps.
        let promise = unsafe { AtDeath::promise(|| sleep(Duration::from_secs(1))) }.unwrap();
        let (child, process, waiter) = (promise.child, Pid::this(), nix::unistd::gettid());
        std::thread::scope(|threads| {
            threads.spawn(|| {
                assert!(comes_to_block_in(waiter, libc::SYS_wait4, LIMIT).unwrap());
                let (process, waiter) = (process.as_raw(), waiter.as_raw());
                // SAFETY: the call takes three integers.
                unsafe { libc::syscall(libc::SYS_tgkill, process, waiter, libc::SIGUSR1) };
            });
            drop(promise);
        });
        assert_eq!(waitpid(child, None), Err(Errno::ECHILD), "it is no zombie");
    }

    #[test]
    fn what_cannot_be_promised_is_done_at_once() {
        // SAFETY: the child makes system calls and what a single thread may do.
        let child = unsafe {
            Child::fork(|| {
                setrlimit(Resource::RLIMIT_NOFILE, 0, 0).expect("limits may be lowered");
                let mut done = false;
                let refused = AtDeath::promise(|| done = true).is_err();
                i32::from(!(refused && done))
            })
        };
        let ended = child.unwrap().wait().unwrap();
        assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
    }

    #[test]
    fn a_name_is_removed_though_its_maker_is_killed() {
        let place = tempfile::tempdir().unwrap();
        let name = place.path().join("name");
        std::fs::write(&name, "").unwrap();
        let (mut promised, tell) = std::io::pipe().unwrap();
        // SAFETY: the test's other threads hold no lock that removing a file needs.
        let maker = unsafe {
            Child::fork(|| {
                let promise = AtDeath::promise(|| drop(std::fs::remove_file(&name)));
                let _ = std::io::Write::write_all(&mut { tell }, b"p");
                nix::unistd::pause();
                i32::from(promise.is_err())
            })
        }
        .unwrap();
        promised.read_exact(&mut [0]).unwrap();
        assert!(name.exists());
        maker.kill().unwrap();
        for _ in 0..1000 {
            if !name.exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the name is still there");
    }
}
