//! What can be seen of other processes from outside, in /proc; proc(5).

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

pub use proc::{Stat, descendants, descriptors, has_ended, stat, system_call, threads};

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
    most_scheduled(pid, 1)
}

/// How long the threads of a process have had a processor so far, in nanoseconds.
pub fn had_processor(pid: i32) -> u64 {
    most_scheduled(pid, 0)
}

/// The largest number in this column of /proc/PID/schedstat, of all threads.
fn most_scheduled(pid: i32, column: usize) -> u64 {
    let of = |thread: &i32| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).ok()?;
        text.split_whitespace().nth(column)?.parse().ok()
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

/// The innermost function of this submission in a backtrace: one in its source, or where no lines are
/// known, one of its library. Where there are lines, it may have been called without its path.
pub fn function_in(trace: &str, source: &str) -> Option<String> {
    let library = source.trim_end_matches(".rs").replace('-', "_");
    let (mut last, mut of_library) = (None, None);
    for line in trace.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            if place.contains(source) {
                return last;
            }
        } else if let Some((_, function)) = line.split_once(": ") {
            let rest = function.trim_start_matches('<').strip_prefix(&library);
            let is_own = rest.is_some_and(|rest| rest.starts_with("::"));
            last = Some(function.to_owned());
            of_library = of_library.or(last.clone().filter(|_| is_own));
        }
    }
    of_library
}

/// The name of a signal: `SIGTERM`.
pub fn signal_name(number: i32) -> String {
    let known = Signal::try_from(number).map(|signal| signal.as_str().to_owned());
    known.unwrap_or_else(|_| format!("signal {number}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_function_of_the_submission_is_named() {
        let trace = "   0: std::backtrace_rs::trace\n             at /rustc/x/a.rs:1:2\n   \
                     1: core::ptr::drop_in_place<time_limit::Own>\n   \
                     2: <time_limit::Own<T> as core::ops::Drop>::drop\n   3: time_limit::wait\n";
        let named = function_in(trace, "time-limit.rs");
        assert_eq!(named.as_deref(), Some("<time_limit::Own<T> as core::ops::Drop>::drop"));
        assert_eq!(function_in("   1: time_limits::wait\n", "time-limit.rs"), None);
        let with_lines =
            "   0: time_limit::other\n   1: wait\n             at ./time-limit.rs:3:4\n";
        assert_eq!(function_in(with_lines, "time-limit.rs").as_deref(), Some("wait"));
    }

    #[test]
    fn signals_have_names() {
        assert_eq!(signal_name(15), "SIGTERM");
        assert_eq!(signal_name(60), "signal 60");
    }
}
