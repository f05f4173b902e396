//! What the kernel says about processes, proc(5).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::account::Doing;

/// The processes to look at: all that are visible but the supervisor, or its descendants where it
/// has no process namespace of its own.
pub(crate) fn all(own_namespace: bool) -> Vec<i32> {
    let me = std::process::id() as i32;
    if own_namespace {
        let mut found: Vec<i32> = numbers("/proc").into_iter().filter(|pid| *pid != me).collect();
        found.sort_unstable();
        return found;
    }
    let mut found = BTreeSet::new();
    let mut ask = vec![me];
    while let Some(pid) = ask.pop() {
        for thread in numbers(&format!("/proc/{pid}/task")) {
            let path = format!("/proc/{pid}/task/{thread}/children");
            let children = fs::read_to_string(path).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|number| number.parse().ok()) {
                if found.insert(child) {
                    ask.push(child);
                }
            }
        }
    }
    found.into_iter().collect()
}

/// The threads of a process.
pub(crate) fn threads(pid: i32) -> Vec<i32> {
    numbers(&format!("/proc/{pid}/task"))
}

fn numbers(directory: &str) -> Vec<i32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Name, state and parent, proc_pid_stat(5).
pub(crate) struct Stat {
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) parent: i32,
}

pub(crate) fn stat(path: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("{path}/stat")).ok()?;
    let (start, end) = (text.find('(')?, text.rfind(')')?);
    let mut rest = text[end + 1..].split_whitespace();
    Some(Stat {
        name: text[start + 1..end].to_owned(),
        state: rest.next()?.chars().next()?,
        parent: rest.next()?.parse().ok()?,
    })
}

/// How a process is named in a report.
pub(crate) fn title(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let name = stat(&format!("/proc/{pid}")).map(|stat| stat.name).unwrap_or_default();
    let line = if line.trim().is_empty() { name } else { line.trim().to_owned() };
    line.chars().take(60).collect()
}

/// Whether it has not ended.
pub(crate) fn is_alive(pid: i32) -> bool {
    stat(&format!("/proc/{pid}")).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// Stops everything, so that what is looked at stays as it is. A stopped process forks no more, so
/// this comes to an end.
pub(crate) fn stop_all(own_namespace: bool) {
    let end = Instant::now() + STOPPING;
    let stands = |pid: &i32| {
        let stat = stat(&format!("/proc/{pid}"));
        stat.is_none_or(|stat| matches!(stat.state, 'T' | 't' | 'Z' | 'X'))
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
    let mut count = 0;
    for pid in pids {
        count += numbers(&format!("/proc/{pid}/task")).len() as u64;
    }
    count
}

/// Descriptors above 2, but `channel`, with what they are open on; `None` if they cannot be seen.
pub(crate) fn descriptors(pid: i32, channel: i32) -> Option<Vec<String>> {
    let path = format!("/proc/{pid}/fd");
    fs::read_dir(&path).ok()?;
    let mut open: Vec<i32> = numbers(&path);
    open.retain(|fd| *fd > 2 && *fd != channel);
    open.sort_unstable();
    let target = |fd: &i32| {
        let target = fs::read_link(Path::new(&path).join(fd.to_string())).unwrap_or_default();
        format!("{fd} ({})", target.display())
    };
    Some(open.iter().map(target).collect())
}

/// What every thread of these processes is doing.
pub(crate) fn doing(pids: &[i32], own: i32) -> Vec<Doing> {
    let mut doing = Vec::new();
    for &process in pids {
        for thread in threads(process) {
            let path = format!("/proc/{process}/task/{thread}");
            let Some(stat) = stat(&path) else { continue };
            let call = fs::read_to_string(format!("{path}/syscall")).unwrap_or_default();
            let mut call = call.split_whitespace();
            let number: Option<i64> = call.next().and_then(|number| number.parse().ok());
            let first = call.next().and_then(|word| word.strip_prefix("0x"));
            let first = first.and_then(|word| u64::from_str_radix(word, 16).ok());
            doing.push(Doing {
                process,
                thread,
                name: stat.name,
                state: stat.state,
                call: number.filter(|number| *number >= 0).map(call_name).unwrap_or_default(),
                argument: first.unwrap_or_default(),
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
