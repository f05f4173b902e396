//! Waits for any child until it gets the one that it wants.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How the command ended.
#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let child = command.process_group(0).spawn()?;
    let leader = Pid::from_raw(child.id() as i32);
    if let Some(status) = ends_within(leader, limit) {
        let _ = killpg(leader, Signal::SIGKILL);
        return Ok(Outcome::InTime(status));
    }
    killpg(leader, Signal::SIGTERM)?;
    let status = ends_within(leader, grace);
    let _ = killpg(leader, Signal::SIGKILL);
    let status = status.or_else(|| ends_within(leader, Duration::from_secs(1)));
    status.map(Outcome::TimeUp).ok_or(io::ErrorKind::TimedOut.into())
}

fn ends_within(process: Pid, time: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: the status is written to a variable that lives during the call.
        let ended = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
        if ended == process.as_raw() {
            return Some(ExitStatus::from_raw(status));
        }
        if start.elapsed() >= time {
            return None;
        }
        sleep(Duration::from_millis(2));
    }
}
