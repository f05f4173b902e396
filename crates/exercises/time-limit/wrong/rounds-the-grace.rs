//! Rounds the grace to whole milliseconds.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}

/// Has it ended? It is not collected.
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
        let now = Instant::now();
        let pause = match end {
            Some(end) if now >= end => return false,
            Some(end) => (end - now).min(Duration::from_millis(10)),
            None => Duration::from_millis(10),
        };
        std::thread::sleep(pause);
    }
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let pid = child.id() as i32;
    let in_time = wait_until(pid, Instant::now().checked_add(limit));
    if !in_time {
        unsafe { libc::kill(-pid, libc::SIGTERM) };
        if !wait_until(
            pid,
            Instant::now()
                .checked_add(Duration::from_millis((grace.as_secs_f64() * 1000.0).round() as u64)),
        ) {
            unsafe { libc::kill(-pid, libc::SIGKILL) };
            wait_until(pid, None);
        }
    }
    unsafe { libc::kill(-pid, libc::SIGKILL) };
    let status = child.wait()?;
    Ok(if in_time { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}
