//! Ends what is left of the group only if the command has exited, and not if a signal has ended it in time.

use std::io;
use std::mem;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// How the command ended.
#[derive(Debug)]
pub enum Outcome {
    /// By itself, before the limit.
    InTime(ExitStatus),
    /// After it had been told to.
    TimeUp(ExitStatus),
}

const PAUSE: Duration = Duration::from_millis(4);

/// Whether it has ended. It is not collected by that, so nobody else gets its number.
fn has_ended(child: &Child) -> io::Result<Option<libc::c_int>> {
    loop {
        // SAFETY: a siginfo_t may be all zeros, and may be written to.
        let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
        let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: as above.
        if unsafe { libc::waitid(libc::P_PID, child.id(), &mut info, how) } == 0 {
            // SAFETY: waitid has filled it in, or left zeros.
            let pid = unsafe { info.si_pid() };
            return Ok((pid != 0).then_some(info.si_code));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn signal_group(child: &Child, signal: libc::c_int) {
    // SAFETY: a system call. It has not been collected, so the group is its own.
    unsafe { libc::kill(-(child.id() as libc::pid_t), signal) };
}

/// Waits until it has ended, or `time` has passed.
fn ends_within(child: &Child, time: Duration) -> io::Result<bool> {
    let until = Instant::now().checked_add(time);
    loop {
        if has_ended(child)?.is_some() {
            return Ok(true);
        }
        let pause = match until {
            None => PAUSE,
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(false);
                }
                left.min(PAUSE)
            }
        };
        thread::sleep(pause);
    }
}

fn watch(child: &Child, limit: Duration, grace: Duration) -> io::Result<bool> {
    if ends_within(child, limit)? {
        return Ok(true);
    }
    signal_group(child, libc::SIGTERM);
    ends_within(child, grace)?;
    Ok(false)
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let in_time = watch(&child, limit, grace);
    // All of it that is left, and in case of an error the command itself.
    let crashed = matches!(has_ended(&child), Ok(Some(how)) if how != libc::CLD_EXITED);
    if !(crashed && matches!(in_time, Ok(true))) {
        signal_group(&child, libc::SIGKILL);
    }
    let status = child.wait();
    Ok(if in_time? { Outcome::InTime(status?) } else { Outcome::TimeUp(status?) })
}
