//! Kills the group and takes it for gone.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
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
    if ends_within(leader, limit)? {
        killpg(leader, Signal::SIGKILL)?;
        return Ok(Outcome::InTime(child.wait()?));
    }
    killpg(leader, Signal::SIGTERM)?;
    if ends_within(leader, grace)? {
        killpg(leader, Signal::SIGKILL)?;
        return Ok(Outcome::TimeUp(child.wait()?));
    }
    killpg(leader, Signal::SIGKILL)?;
    Ok(Outcome::TimeUp(ExitStatus::from_raw(Signal::SIGKILL as i32)))
}

/// Looks every other millisecond whether the process has ended, and does not collect it.
fn ends_within(process: Pid, time: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        if waitid(Id::Pid(process), look)? != WaitStatus::StillAlive {
            return Ok(true);
        }
        if start.elapsed() >= time {
            return Ok(false);
        }
        sleep(Duration::from_millis(2));
    }
}
