//! Who sleeps in futex(2), as the kernel shows it in proc_pid_syscall(5).

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use lab::Unavailable;
use lab::child::{Child, LIMIT};
use lab::proc::blocked_in;
use nix::unistd::Pid;

/// Between two looks, and how many in a row must agree.
const PAUSE: Duration = Duration::from_millis(2);
const LOOKS: usize = 10;

/// Fails if this kernel does not show in which system call a thread is.
pub fn is_shown() -> Result<()> {
    let shown = fs::read_to_string("/proc/thread-self/syscall");
    ensure!(
        shown.is_ok(),
        Unavailable::because(
            "/proc/PID/syscall is not readable here: who sleeps in futex is not to be seen"
        )
    );
    Ok(())
}

/// Whether the threads of a child all come to sleep in futex(2), so that none is left to wake one;
/// otherwise the child has ended.
pub fn for_ever(child: &Child) -> Result<bool> {
    let (end, mut asleep) = (Instant::now() + LIMIT / 2, 0);
    while asleep < LOOKS {
        if child.ends_within(PAUSE)? {
            return Ok(false);
        }
        asleep = if all_in_futex(child.pid()) { asleep + 1 } else { 0 };
        if Instant::now() > end {
            bail!("the child neither ends nor sleeps");
        }
    }
    Ok(true)
}

fn all_in_futex(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let ids: Vec<i32> =
        threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect();
    let asleep = |id: &i32| blocked_in(Pid::from_raw(*id)) == Some(libc::SYS_futex);
    !ids.is_empty() && ids.iter().all(asleep)
}
