//! Cuts the time down to whole milliseconds, and does not look at the clock again.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
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

/// Ends the group and collects the command when it goes, in whichever way that happens.
struct Running(Child);

impl Running {
    fn tell(&self, signal: libc::c_int) {
        // SAFETY: a system call. The command has not been collected.
        unsafe { libc::killpg(self.0.id() as libc::pid_t, signal) };
    }

    fn finish(&mut self) -> io::Result<ExitStatus> {
        self.tell(libc::SIGKILL);
        self.0.wait()
    }
}

fn pidfd(child: &Child) -> io::Result<OwnedFd> {
    // SAFETY: a system call, and what it returns is ours.
    unsafe {
        match libc::syscall(libc::SYS_pidfd_open, child.id() as libc::pid_t, 0u32) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd as i32)),
        }
    }
}

/// True if it ends before that.
fn wait_until(pidfd: &OwnedFd, deadline: Option<Instant>) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // At most a day at a time, and a millisecond more, never less.
        let wait = left.map_or(-1, |left| {
            left.as_millis().min(i32::MAX as u128) as i32
        });
        // SAFETY: there is one.
        match unsafe { libc::poll(&mut poll, 1, wait) } {
            0 => return Ok(false),
            1 => return Ok(true),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

fn attend(running: &Running, limit: Duration, grace: Duration) -> io::Result<bool> {
    let pidfd = pidfd(&running.0)?;
    let in_time = wait_until(&pidfd, Instant::now().checked_add(limit))?;
    if !in_time {
        running.tell(libc::SIGTERM);
        wait_until(&pidfd, Instant::now().checked_add(grace))?;
    }
    Ok(in_time)
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut running = Running(command.process_group(0).spawn()?);
    let how = attend(&running, limit, grace);
    let status = running.finish()?;
    how.map(|in_time| if in_time { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}
