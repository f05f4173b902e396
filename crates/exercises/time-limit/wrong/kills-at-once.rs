//! Kills the group at the limit.

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
    let _ = grace;
    killpg(leader, Signal::SIGKILL)?;
    let status = child.wait()?;
    Ok(if in_time { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
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
