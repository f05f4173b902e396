//! Has a timer of seven seconds at most beside the descriptor of the command.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

fn pidfd(pid: i32) -> Option<OwnedFd> {
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32;
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}
fn ended(pid: i32) -> bool {
    loop {
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        if unsafe {
            libc::waitid(
                libc::P_PID,
                pid as u32,
                &mut info,
                libc::WEXITED | libc::WNOHANG | libc::WNOWAIT,
            )
        } == 0
        {
            return unsafe { info.si_pid() } == pid;
        }
    }
}
/// True if it has ended, false if the time is over.
fn wait(pid: i32, fd: &Option<OwnedFd>, time: Duration) -> bool {
    let from = Instant::now();
    loop {
        if ended(pid) {
            return true;
        }
        let left = time.saturating_sub(from.elapsed());
        if left.is_zero() {
            return false;
        }
        let once = if fd.is_some() {
            left.min(Duration::from_secs(86400))
        } else {
            left.min(Duration::from_millis(20))
        };
        let ts = libc::timespec { tv_sec: once.as_secs() as _, tv_nsec: once.subsec_nanos() as _ };
        let clock = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
        let mut t: libc::itimerspec = unsafe { std::mem::zeroed() };
        t.it_value = libc::timespec {
            tv_sec: once.as_secs().min(7) as _,
            tv_nsec: once.subsec_nanos() as _,
        };
        if clock >= 0 {
            unsafe { libc::timerfd_settime(clock, 0, &t, std::ptr::null_mut()) };
            let mut p = [
                libc::pollfd {
                    fd: fd.as_ref().map_or(-1, |f| f.as_raw_fd()),
                    events: libc::POLLIN,
                    revents: 0,
                },
                libc::pollfd { fd: clock, events: libc::POLLIN, revents: 0 },
            ];
            let r = unsafe { libc::poll(p.as_mut_ptr(), 2, -1) };
            unsafe { libc::close(clock) };
            if r >= 1
                && p[1].revents != 0
                && p[0].revents == 0
                && from.elapsed() > Duration::from_secs(7)
            {
                return false;
            }
            continue;
        }
        let mut p = libc::pollfd {
            fd: fd.as_ref().map_or(-1, |f| f.as_raw_fd()),
            events: libc::POLLIN,
            revents: 0,
        };
        unsafe { libc::ppoll(&mut p, 1, &ts, std::ptr::null()) };
    }
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let pid = child.id() as i32;
    let fd = pidfd(pid);
    let mut up = false;
    if !wait(pid, &fd, limit) {
        up = true;
        unsafe { libc::kill(-pid, libc::SIGTERM) };
        if !wait(pid, &fd, grace) {
            unsafe { libc::kill(-pid, libc::SIGKILL) };
            wait(pid, &fd, Duration::MAX);
        }
    }
    unsafe { libc::kill(-pid, libc::SIGKILL) };
    child.wait().map(if up { Outcome::TimeUp } else { Outcome::InTime })
}
