//! What can be seen of other processes from outside, in /proc; proc(5).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub use proc::{Stat, descriptors, has_ended, stat, system_call, threads};

/// All processes that come from `ancestor`, without it.
pub fn descendants(ancestor: i32) -> Vec<(i32, Stat)> {
    let all: BTreeMap<i32, Stat> = proc::processes()
        .into_iter()
        .filter_map(|pid| Some((pid, stat(&pid.to_string())?)))
        .collect();
    let comes_from = |pid: &i32| {
        let mut at = *pid;
        for _ in 0..all.len() {
            match all.get(&at).map(|stat| stat.parent) {
                Some(parent) if parent == ancestor => return true,
                Some(parent) => at = parent,
                None => return false,
            }
        }
        false
    };
    let which: Vec<i32> = all.keys().copied().filter(comes_from).collect();
    which.into_iter().map(|pid| (pid, all[&pid].clone())).collect()
}

/// Its shared mappings that can be written to, each as a line of /proc/PID/maps.
pub fn shared_mappings(pid: i32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let shared = |line: &&str| {
        line.split(' ').nth(1).is_some_and(|it| it.contains('w') && it.ends_with('s'))
    };
    text.lines().filter(shared).map(str::to_owned).collect()
}

/// A number of /proc/PID/status, in its unit.
pub fn status_number(pid: i32, field: &str, radix: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    u64::from_str_radix(line.split_whitespace().next()?, radix).ok()
}

/// How long the threads of a process have waited for a processor so far, in nanoseconds.
pub fn waited_for_processor(pid: i32) -> u64 {
    let of = |thread: &i32| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse().ok()
    };
    threads(pid).iter().filter_map(of).max().unwrap_or(0)
}

/// The segments of System V shared memory that are there and stay, by number, in this IPC namespace:
/// one that is marked for removal, 01000 among its permissions, is gone with whoever has it attached.
pub fn segments() -> Vec<String> {
    let text = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let number = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (number, permissions) = (fields.next()?, fields.next()?);
        let stays = u32::from_str_radix(permissions, 8).is_ok_and(|it| it & 0o1000 == 0);
        stays.then(|| number.to_owned())
    };
    text.lines().skip(1).filter_map(number).collect()
}

/// The names in a directory.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// What a thread is doing, in words.
pub fn doing(pid: i32, thread: i32) -> String {
    let state = stat(&format!("{pid}/task/{thread}")).map_or('X', |stat| stat.state);
    match (state, system_call(pid, thread)) {
        ('T' | 't', _) => "is stopped".to_owned(),
        ('Z' | 'X', _) => "has ended".to_owned(),
        ('R', _) => "is running: it spins, or computes for too long".to_owned(),
        (_, Some((libc::SYS_read, 0))) => "waits for input".to_owned(),
        (_, Some((libc::SYS_futex, _))) => "waits for a lock, or for a thread (futex)".to_owned(),
        (_, Some((libc::SYS_recvfrom, fd))) => format!("is blocked in recv({fd})"),
        (_, Some((libc::SYS_wait4, _))) => "waits for a child (wait4)".to_owned(),
        (_, Some((libc::SYS_waitid, _))) => "waits for a child (waitid)".to_owned(),
        (_, Some((libc::SYS_read, fd))) => format!("is blocked in read({fd})"),
        (_, Some((libc::SYS_write, fd))) => format!("is blocked in write({fd})"),
        (_, Some((libc::SYS_nanosleep | libc::SYS_clock_nanosleep, _))) => "sleeps".to_owned(),
        (_, Some((libc::SYS_ppoll | libc::SYS_epoll_pwait, _))) => "is blocked in poll".to_owned(),
        #[cfg(target_arch = "x86_64")]
        (_, Some((libc::SYS_poll | libc::SYS_epoll_wait, _))) => "is blocked in poll".to_owned(),
        (_, Some((number, _))) => format!("is blocked in system call {number}"),
        (_, None) => "is asleep".to_owned(),
    }
}
