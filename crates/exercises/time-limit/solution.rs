//! Wait with poll(2) on a descriptor of the process; signal the group while its leader, ended or not,
//! still holds the number; collect it last.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
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
    let ended = descriptor_of(group).and_then(|process| {
        if ends_within(&process, limit)? {
            return Ok(true);
        }
        killpg(group, Signal::SIGTERM)?;
        ends_within(&process, grace)?;
        Ok(false)
    });
    // The command has not been collected, so that the number of its group belongs to nobody else. If
    // none of the group may be killed, it is waited for all the same.
    let _ = killpg(group, Signal::SIGKILL);
    let status = child.wait()?;
    Ok(if ended? { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}

/// A descriptor that becomes readable when the process has ended, pidfd_open(2).
fn descriptor_of(process: Pid) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open(2) takes two integers, and what it returns belongs to nobody else.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd as i32)) }
    }
}

/// Waits until the process has ended, at most so long. Says whether it has.
fn ends_within(process: &OwnedFd, time: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        let left = time.saturating_sub(start.elapsed());
        // Rounded up, or the last millisecond would be spent spinning.
        let left = left.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32;
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) if left == 0 => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}
