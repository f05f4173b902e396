//! Counts rounds of twenty milliseconds, also those that a signal has cut short.

use nix::libc;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;
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
fn waits(child: &Child, time: Duration) -> io::Result<bool> {
    let mut waited = Duration::ZERO;
    while waited < time {
        if has_ended(child)? {
            return Ok(true);
        }
        // SAFETY: sleeps.
        unsafe { libc::usleep(ROUND.as_micros() as u32) };
        waited = waited.saturating_add(ROUND);
    }
    has_ended(child)
}

const ROUND: Duration = Duration::from_millis(20);

fn watch(child: &Child, limit: Duration, grace: Duration) -> io::Result<bool> {
    if waits(child, limit)? {
        return Ok(true);
    }
    signal_group(child, libc::SIGTERM);
    if !waits(child, grace)? {
        signal_group(child, libc::SIGKILL);
        waits(child, Duration::MAX)?;
    }
    Ok(false)
}
pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let in_time = watch(&child, limit, grace);
    signal_group(&child, libc::SIGKILL);
    let status = child.wait()?;
    Ok(if in_time? { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}
