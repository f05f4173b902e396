//! The processes of a run, as the kernel shows them; proc(5).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proc::{stat, system_call, threads};

use crate::account::Doing;

/// The processes to look at: all that are visible but the supervisor, or its descendants where it
/// has no process namespace of its own.
pub(crate) fn all(own_namespace: bool) -> Vec<i32> {
    let me = std::process::id() as i32;
    if own_namespace {
        return proc::processes().into_iter().filter(|pid| *pid != me).collect();
    }
    proc::descendants(me).into_iter().map(|(pid, _)| pid).collect()
}

/// Processes and threads that this user has now, where the limit counts all of them.
pub(crate) fn threads_of_user() -> u64 {
    let me = nix::unistd::geteuid().as_raw();
    let is_mine = |pid: &i32| fs::metadata(format!("/proc/{pid}")).is_ok_and(|it| it.uid() == me);
    let mine = proc::processes().into_iter().filter(is_mine);
    mine.map(|pid| threads(pid).len() as u64).sum()
}

/// How a process is named in a report.
pub(crate) fn title(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let name = stat(&pid.to_string()).map(|stat| stat.name).unwrap_or_default();
    let line = if line.trim().is_empty() { name } else { line.trim().to_owned() };
    line.chars().take(60).collect()
}

/// Stops everything, so that what is looked at stays as it is. A stopped process forks no more, so
/// this comes to an end.
pub(crate) fn stop_all(own_namespace: bool) {
    let end = Instant::now() + STOPPING;
    let stands = |pid: &i32| {
        stat(&pid.to_string()).is_none_or(|stat| matches!(stat.state, 'T' | 't' | 'Z' | 'X'))
    };
    loop {
        let moving: Vec<i32> = all(own_namespace).into_iter().filter(|pid| !stands(pid)).collect();
        if moving.is_empty() || Instant::now() >= end {
            return;
        }
        for pid in moving {
            let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// How long it may take until everything stands still.
const STOPPING: Duration = Duration::from_millis(500);

/// How many threads these processes have in all.
pub(crate) fn count(pids: &[i32]) -> u64 {
    pids.iter().map(|pid| threads(*pid).len() as u64).sum()
}

/// Descriptors above 2, but `channel`, with what they are open on; `None` if they cannot be seen.
pub(crate) fn descriptors(pid: i32, channel: i32) -> Option<Vec<String>> {
    let open = proc::descriptors(pid)?.into_iter().filter(|(fd, _)| *fd > 2 && *fd != channel);
    Some(open.map(|(fd, target)| format!("{fd} ({target})")).collect())
}

/// What every thread of these processes is doing.
pub(crate) fn doing(pids: &[i32], own: i32) -> Vec<Doing> {
    let mut doing = Vec::new();
    for &process in pids {
        for thread in threads(process) {
            let Some(stat) = stat(&format!("{process}/task/{thread}")) else { continue };
            let call = system_call(process, thread);
            doing.push(Doing {
                process,
                thread,
                name: stat.name,
                state: stat.state,
                call: call.map(|(number, _)| call_name(number)).unwrap_or_default(),
                argument: call.map(|(_, first)| first).unwrap_or_default(),
                own: process == own,
            });
        }
    }
    doing
}

/// The names of system calls that block.
fn call_name(number: i64) -> String {
    let names = [
        (libc::SYS_read, "read"),
        (libc::SYS_readv, "readv"),
        (libc::SYS_write, "write"),
        (libc::SYS_writev, "writev"),
        (libc::SYS_openat, "openat"),
        (libc::SYS_wait4, "wait4"),
        (libc::SYS_waitid, "waitid"),
        (libc::SYS_futex, "futex"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_poll, "poll"),
        (libc::SYS_ppoll, "ppoll"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_epoll_wait, "epoll_wait"),
        (libc::SYS_epoll_pwait, "epoll_pwait"),
        (libc::SYS_nanosleep, "nanosleep"),
        (libc::SYS_clock_nanosleep, "clock_nanosleep"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_pause, "pause"),
        (libc::SYS_rt_sigsuspend, "sigsuspend"),
        (libc::SYS_rt_sigtimedwait, "sigtimedwait"),
        (libc::SYS_accept, "accept"),
        (libc::SYS_accept4, "accept4"),
        (libc::SYS_connect, "connect"),
        (libc::SYS_recvfrom, "recvfrom"),
        (libc::SYS_recvmsg, "recvmsg"),
        (libc::SYS_sendto, "sendto"),
        (libc::SYS_sendmsg, "sendmsg"),
        (libc::SYS_flock, "flock"),
        (libc::SYS_fcntl, "fcntl"),
        (libc::SYS_semtimedop, "semtimedop"),
        (libc::SYS_mq_timedreceive, "mq_timedreceive"),
        (libc::SYS_mq_timedsend, "mq_timedsend"),
        (libc::SYS_restart_syscall, "restart_syscall"),
    ];
    let name = names.iter().find(|(known, _)| *known == number);
    name.map_or_else(|| format!("system call {number}"), |(_, name)| (*name).to_owned())
}
