//! What can be seen of processes from outside, in /proc; proc(5).
//!
//! What is looked at may end at any moment, and may call itself what it likes.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A line of /proc/PID/stat, proc_pid_stat(5).
#[derive(Clone, Debug)]
pub struct Stat {
    /// The name of the program, cut at 15 bytes.
    pub name: String,
    /// The letter for what it does: `R`, `S`, `D`, `T`, `Z`.
    pub state: char,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
}

/// Looks at a process, or at a thread by `PID/task/TID`; `None` if it is not there.
pub fn stat(which: &str) -> Option<Stat> {
    // A name is any bytes; whose name is no text is there all the same.
    let text = fs::read(format!("/proc/{which}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (start, end) = (text.find('(')?, text.rfind(')')?);
    let mut rest = text[end + 1..].split_whitespace();
    Some(Stat {
        name: text[start + 1..end].to_owned(),
        state: rest.next()?.chars().next()?,
        parent: rest.next()?.parse().ok()?,
        group: rest.next()?.parse().ok()?,
    })
}

/// Whether a process is gone, or is a zombie.
pub fn has_ended(pid: i32) -> bool {
    stat(&pid.to_string()).is_none_or(|stat| matches!(stat.state, 'Z' | 'X'))
}

/// All processes that are in sight, in order.
pub fn processes() -> Vec<i32> {
    numbers("/proc")
}

/// The threads of a process, in order.
pub fn threads(pid: i32) -> Vec<i32> {
    numbers(&format!("/proc/{pid}/task"))
}

/// All processes that come from `ancestor`, without it, in order. Those whose parent has ended while
/// they were counted, and who had no time to get another, may lack.
pub fn descendants(ancestor: i32) -> Vec<(i32, Stat)> {
    let found = processes().into_iter().filter_map(|pid| Some((pid, stat(&pid.to_string())?)));
    let all: BTreeMap<i32, Stat> = found.collect();
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
    all.iter().filter(|(pid, _)| comes_from(pid)).map(|(pid, stat)| (*pid, stat.clone())).collect()
}

fn numbers(directory: &str) -> Vec<i32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut all: Vec<i32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    all.sort_unstable();
    all
}

/// Its open descriptors with what they are open on; `None` if it does not let itself be looked at.
pub fn descriptors(pid: i32) -> Option<BTreeMap<i32, String>> {
    let path = format!("/proc/{pid}/fd");
    fs::read_dir(&path).ok()?;
    let target = |fd: i32| {
        let target = fs::read_link(Path::new(&path).join(fd.to_string())).ok()?;
        Some((fd, target.to_string_lossy().into_owned()))
    };
    Some(numbers(&path).into_iter().filter_map(target).collect())
}

/// The system call that a thread is in, its number and its first argument, proc_pid_syscall(5);
/// `None` while it runs.
pub fn system_call(pid: i32, thread: i32) -> Option<(i64, u64)> {
    call_with_arguments(pid, thread).map(|(number, arguments)| (number, arguments[0]))
}

/// The same, with all of its arguments.
pub fn call_with_arguments(pid: i32, thread: i32) -> Option<(i64, [u64; 6])> {
    // Of one that was woken and has not run yet, syscall still tells the call that it slept in.
    if stat(&format!("{pid}/task/{thread}"))?.state == 'R' {
        return None;
    }
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall")).ok()?;
    let mut words = text.split_whitespace();
    let number = words.next()?.parse().ok().filter(|number| *number >= 0)?;
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some((number, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_read() {
        nix::sys::prctl::set_name(c") Z 1 (\xff").unwrap();
        let stat = stat("thread-self").unwrap();
        assert_eq!((&*stat.name, stat.state), (") Z 1 (\u{fffd}", 'R'));
    }
}
