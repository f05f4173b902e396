//! Takes a command that is stopped for one that has ended.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

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
    let ended = descriptor_of(group).and_then(|process| -> io::Result<bool> {
        let _ = &process;
        let start = Instant::now();
        let options = libc::WNOHANG | libc::WUNTRACED | libc::WEXITED | libc::WNOWAIT;
        let ended = || unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, group.as_raw() as u32, &mut info, options);
            info.si_pid() != 0
        };
        while start.elapsed() < limit {
            if ended() {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        killpg(group, Signal::SIGTERM)?;
        let start = Instant::now();
        while start.elapsed() < grace && !ended() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(false)
    });
    // The command has not been collected, so that the number of its group belongs to nobody else.
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
