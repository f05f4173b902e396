//! Looks twice a second whether the command has ended.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}

fn ended(pid: i32) -> bool {
    loop {
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        if unsafe { libc::waitid(libc::P_PID, pid as u32, &mut info, flags) } == 0 {
            return unsafe { info.si_pid() } == pid;
        }
    }
}

fn wait_until(pid: i32, end: Option<Instant>) -> bool {
    loop {
        if ended(pid) {
            return true;
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(480));
    }
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let pid = child.id() as i32;
    let in_time = wait_until(pid, Instant::now().checked_add(limit));
    if !in_time {
        unsafe { libc::kill(-pid, libc::SIGTERM) };
        if !wait_until(pid, Instant::now().checked_add(grace)) {
            unsafe { libc::kill(-pid, libc::SIGKILL) };
            wait_until(pid, None);
        }
    }
    unsafe { libc::kill(-pid, libc::SIGKILL) };
    let status = child.wait()?;
    Ok(if in_time {
        Outcome::InTime(status)
    } else {
        Outcome::TimeUp(status)
    })
}
