//! Who sleeps in futex(2), as the kernel shows it in proc_pid_syscall(5).

use std::time::Duration;

use anyhow::Result;
use lab::child::{Child, LIMIT, late};
use lab::{TimeLimit, proc};
use nix::unistd::Pid;

/// Between two looks, and how many in a row must agree.
const PAUSE: Duration = Duration::from_millis(2);
const LOOKS: usize = 10;

/// Whether the threads of a child all come to sleep in futex(2), so that none is left to wake one;
/// otherwise the child has ended.
pub fn for_ever(child: &Child) -> Result<bool> {
    proc::must_be_shown()?;
    let (mut limit, mut asleep) = (TimeLimit::new(LIMIT / 2), 0);
    while asleep < LOOKS {
        if child.ends_within(PAUSE)? {
            return Ok(false);
        }
        asleep = if all_in_futex(child.pid())? { asleep + 1 } else { 0 };
        if limit.is_over() {
            return Err(late("the child neither ended nor slept"));
        }
    }
    Ok(true)
}

fn all_in_futex(process: Pid) -> Result<bool> {
    let threads = proc::threads(process)?;
    for thread in &threads {
        if proc::blocked_in(*thread)? != Some(libc::SYS_futex) {
            return Ok(false);
        }
    }
    Ok(!threads.is_empty())
}
