//! Looks at the time of day while it waits, and panics when somebody has set that back.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How the command ended.
#[derive(Debug)]
pub enum Outcome {
    /// By itself, before the limit.
    InTime(ExitStatus),
    /// After it had been told to.
    TimeUp(ExitStatus),
}

/// Has it ended? It is not collected by this.
fn ended(child: &Child) -> io::Result<bool> {
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG;
    loop {
        if unsafe { libc::waitid(libc::P_PID, child.id(), &mut info, options) } == 0 {
            return Ok(unsafe { info.si_pid() } != 0);
        }
        let e = io::Error::last_os_error();
        if e.kind() != io::ErrorKind::Interrupted {
            return Err(e);
        }
    }
}

fn group(child: &Child, signal: i32) {
    unsafe { libc::kill(-(child.id() as i32), signal) };
}

/// Whether it has ended by then.
fn ends_within(child: &Child, time: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        if ended(child)? {
            return Ok(true);
        }
        let passed = start.elapsed();
        if passed >= time {
            return Ok(false);
        }
        std::thread::sleep((time - passed).min(Duration::from_millis(10)));
    }
}

/// The same, for the grace.
fn ends_within_grace(child: &Child, time: Duration) -> io::Result<bool> {
    let day = std::time::SystemTime::now();
    let start = Instant::now();
    loop {
        day.elapsed().unwrap();
        if ended(child)? {
            return Ok(true);
        }
        let passed = start.elapsed();
        if passed >= time {
            return Ok(false);
        }
        std::thread::sleep((time - passed).min(Duration::from_millis(10)));
    }
}

fn watch(child: &Child, limit: Duration, grace: Duration) -> io::Result<bool> {
    if ends_within(child, limit)? {
        return Ok(true);
    }
    group(child, libc::SIGTERM);
    if !ends_within_grace(child, grace)? {
        group(child, libc::SIGKILL);
        ends_within(child, Duration::MAX)?;
    }
    Ok(false)
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let in_time = watch(&child, limit, grace);
    if !matches!(&in_time, Err(e) if e.raw_os_error() == Some(libc::ECHILD)) {
        group(&child, libc::SIGKILL);
    }
    let status = child.wait();
    Ok(if in_time? { Outcome::InTime(status?) } else { Outcome::TimeUp(status?) })
}
