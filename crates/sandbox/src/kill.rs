//! Ends everything that a run has started.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::processes;

/// How long it may take to kill everything. The kernel frees a large memory first, and where thousands of
/// processes want a processor each of them waits for it, to end as well.
const KILLING: Duration = Duration::from_secs(60);

/// Kills whatever is left of the job and collects it; whether nothing is left. To signal a process
/// fails if it has ended meanwhile, which is as well: only what can still be waited for is left.
pub(crate) fn kill_all(own_namespace: bool) -> bool {
    // One that is stopped forks no more, and still counts for the limit on processes: so those that
    // fork faster than they can be killed come to an end as well.
    let mut stopped = BTreeSet::new();
    while !own_namespace && stopped.len() < 10_000 {
        let running: Vec<i32> =
            processes::all(false).into_iter().filter(|pid| stopped.insert(*pid)).collect();
        if running.is_empty() {
            break;
        }
        for pid in running {
            let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
        }
    }
    let start = Instant::now();
    while start.elapsed() < KILLING {
        if own_namespace {
            // Signals everything in the namespace but its first process, which is this one.
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        } else {
            for pid in processes::all(false) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return true,
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    false
}
