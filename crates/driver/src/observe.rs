//! What can be seen of other processes from outside, in /proc; proc(5).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A line of /proc/PID/stat.
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
    let text = fs::read_to_string(format!("/proc/{which}/stat")).ok()?;
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

fn numbers(directory: &str) -> Vec<i32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut all: Vec<i32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    all.sort_unstable();
    all
}

/// The threads of a process.
pub fn threads(pid: i32) -> Vec<i32> {
    numbers(&format!("/proc/{pid}/task"))
}

/// All processes that come from `ancestor`, without it.
pub fn descendants(ancestor: i32) -> Vec<(i32, Stat)> {
    let all: BTreeMap<i32, Stat> = numbers("/proc")
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

/// The system call that a thread is in: its number, and its first argument; `None` while it runs.
pub fn system_call(pid: i32, thread: i32) -> Option<(i64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall")).ok()?;
    let mut words = text.split_whitespace();
    let number = words.next()?.parse().ok().filter(|number| *number >= 0)?;
    let first = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    Some((number, first))
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
