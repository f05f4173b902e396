//! Waits by one call of ppoll(2) for all of the time, and takes its end for that of the time.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}

/// Waits until the process of this descriptor has ended, at most so long. Says whether it has.
fn ends_within(process: i32, time: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        let left = time.saturating_sub(start.elapsed());
        let seconds = libc::time_t::try_from(left.as_secs()).unwrap_or(libc::time_t::MAX);
        let left = libc::timespec { tv_sec: seconds, tv_nsec: left.subsec_nanos() as _ };
        let mut event = libc::pollfd { fd: process, events: libc::POLLIN, revents: 0 };
        match unsafe { libc::ppoll(&mut event, 1, &left, std::ptr::null()) } {
            0 => return Ok(false),
            1 => return Ok(true),
            _ => {}
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn watch(child: &Child, limit: Duration, grace: Duration) -> io::Result<bool> {
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) } as i32;
    if process < 0 {
        return Err(io::Error::last_os_error());
    }
    let in_time = ends_within(process, limit).and_then(|in_time| {
        if !in_time {
            unsafe { libc::kill(-(child.id() as i32), libc::SIGTERM) };
            ends_within(process, grace)?;
        }
        Ok(in_time)
    });
    unsafe { libc::close(process) };
    in_time
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let in_time = watch(&child, limit, grace);
    unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
    let status = child.wait()?;
    Ok(if in_time? { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}
