//! Takes a command that fails in time for one whose time was up.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// How the command ended.
#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let group = Pid::from_raw(child.id() as i32);
    let (tell, told) = channel();
    let watcher = thread::spawn(move || {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(group), flags) == Err(Errno::EINTR) {}
        let _ = tell.send(());
    });
    let in_time = told.recv_timeout(limit).is_ok();
    if !in_time {
        let _ = killpg(group, Signal::SIGTERM);
        let _ = told.recv_timeout(grace);
    }
    // The command has not been collected, so its group is still its own.
    let _ = killpg(group, Signal::SIGKILL);
    let _ = watcher.join();
    let status = child.wait()?;
    Ok(if in_time && status.success() { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}
