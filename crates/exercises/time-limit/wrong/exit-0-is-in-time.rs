//! Takes a command that exits with 0 for one that was in time, whenever it does.

use nix::libc;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};
#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}

/// Whether it has ended; it is not collected, so its number stays its own.
fn has_ended(child: &Child) -> io::Result<bool> {
    // SAFETY: all 0 is a siginfo_t, and it lives.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        loop {
            if libc::waitid(
                libc::P_PID,
                child.id(),
                &mut info,
                libc::WEXITED | libc::WNOHANG | libc::WNOWAIT,
            ) == 0
            {
                return Ok(info.si_pid() != 0);
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}
fn signal_group(child: &Child, signal: i32) {
    // SAFETY: the child has not been collected, so the group is its own.
    unsafe { libc::kill(-(child.id() as i32), signal) };
}
/// Waits until it has ended or the time has passed.
fn wait_until(child: &Child, end: Option<Instant>) -> io::Result<bool> {
    loop {
        let now = Instant::now();
        if has_ended(child)? {
            return Ok(true);
        }
        let left = match end {
            Some(end) if end <= now => return Ok(false),
            Some(end) => end - now,
            None => Duration::MAX,
        };
        std::thread::sleep(left.min(Duration::from_millis(5)));
    }
}
fn after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}
fn watch(child: &Child, limit: Duration, grace: Duration) -> io::Result<bool> {
    if wait_until(child, after(limit))? {
        return Ok(true);
    }
    signal_group(child, libc::SIGTERM);
    if !wait_until(child, after(grace))? {
        signal_group(child, libc::SIGKILL);
        wait_until(child, None)?;
    }
    Ok(false)
}
pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let in_time = watch(&child, limit, grace);
    signal_group(&child, libc::SIGKILL);
    let status = child.wait()?;
    Ok(if in_time? || status.success() { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}
