//! What the kernel shows of processes and threads in proc(5).

use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::unistd::Pid;

/// The number of the system call in which a thread is blocked, from proc_pid_syscall(5). `None` if
/// it runs, if it is gone, or if this kernel does not show it.
pub fn blocked_in(thread: Pid) -> Option<i64> {
    fs::read_to_string(format!("/proc/{thread}/syscall")).ok()?.split(' ').next()?.parse().ok()
}

/// Whether a thread is seen blocked in `call` within `limit`.
pub fn comes_to_block_in(thread: Pid, call: i64, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if blocked_in(thread) == Some(call) {
            return true;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    false
}

/// The living and unreaped children of all threads of `process`, proc_pid_task(5); none where the
/// kernel does not show them.
pub fn children(process: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}

/// A piece of this process's address space that was mapped at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Its addresses.
    pub addresses: Range<usize>,
    /// What may be done with it, such as `rw-p`.
    pub access: String,
    /// How much of it is in memory, in KiB.
    pub resident: usize,
    /// A file, a name like `[stack]`, or nothing.
    pub name: String,
}

impl Mapping {
    /// Its size in KiB.
    pub fn size(&self) -> usize {
        self.addresses.len() >> 10
    }

    /// Whether nothing at all may be done with it.
    pub fn is_closed(&self) -> bool {
        self.access.starts_with("---")
    }
}

/// The mappings of this process in the order of their addresses, from proc_pid_smaps(5).
pub fn mappings() -> Result<Vec<Mapping>> {
    mappings_of(Pid::this())
}

/// The mappings of a process in the order of their addresses, from proc_pid_smaps(5).
pub fn mappings_of(process: Pid) -> Result<Vec<Mapping>> {
    let path = format!("/proc/{process}/smaps");
    Ok(parse(&fs::read_to_string(&path).context(path)?))
}

/// The state of a process or thread, as the letter of proc_pid_stat(5): `R` runnable, `S` asleep,
/// `D` asleep and not to be woken by a signal, `T` stopped, `t` traced, `Z` zombie. `None` if it is
/// gone.
pub fn state(process: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses and may contain any character.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The value of a line `key:` in proc_pid_status(5), such as `Threads`.
pub fn status(process: Pid, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn parse(smaps: &str) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        if let Some(mapping) = mapping(line) {
            found.push(mapping);
        } else if let (Some(rest), Some(last)) = (line.strip_prefix("Rss:"), found.last_mut()) {
            last.resident = rest.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        }
    }
    found
}

fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let hex = |text| usize::from_str_radix(text, 16).ok();
    Some(Mapping {
        addresses: hex(start)?..hex(end)?,
        access: words.next()?.to_owned(),
        resident: 0,
        name: words.nth(3).unwrap_or("").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaps_is_read_mapping_by_mapping() {
        let smaps = "7f0000001000-7f0000003000 rw-p 00000000 00:1f 42    /memfd:x\n\
                     Size:                  8 kB\nRss:                   4 kB\n\
                     VmFlags: rd wr mr\n\
                     7f0000003000-7f0000004000 ---p 00000000 00:00 0 \nRss: 0 kB\n";
        let found = parse(smaps);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].size(), found[0].resident), (8, 4));
        assert_eq!((found[0].access.as_str(), found[0].name.as_str()), ("rw-p", "/memfd:x"));
        assert!(found[1].is_closed() && !found[0].is_closed());
    }

    #[test]
    fn the_own_state_and_status_are_shown() {
        assert_eq!(state(nix::unistd::gettid()), Some('R'));
        assert_eq!(status(Pid::this(), "Pid"), Some(Pid::this().to_string()));
        assert_eq!(status(Pid::this(), "Nonsense"), None);
    }

    #[test]
    fn a_local_lies_in_a_mapping() {
        let local = 0u8;
        let address = &raw const local as usize;
        assert!(mappings().unwrap().iter().any(|mapping| mapping.addresses.contains(&address)));
    }

    #[test]
    fn a_thread_that_waits_for_a_lock_is_seen_in_futex() {
        let lock = std::sync::Mutex::new(());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let held = lock.lock().unwrap();
            scope.spawn(|| {
                tell.send(nix::unistd::gettid()).unwrap();
                drop(lock.lock());
            });
            let waiter = told.recv().unwrap();
            assert!(comes_to_block_in(waiter, libc::SYS_futex, Duration::from_secs(30)));
            drop(held);
        });
    }
}
