//! What the kernel shows of processes and threads in proc(5).

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::{TimeLimit, Unavailable};

/// The number of the system call in which a thread is blocked, from proc_pid_syscall(5). `None` if
/// it runs or is gone.
///
/// # Errors
///
/// [`Unavailable`] if this kernel, or a rule of this system, does not show it.
pub fn blocked_in(thread: Pid) -> Result<Option<i64>> {
    Ok(blocked(thread)?.map(|(call, _)| call))
}

/// The number of the system call in which a thread is blocked, and its first argument.
fn blocked(thread: Pid) -> Result<Option<(i64, usize)>> {
    // Of one that was woken and has not run yet, syscall still tells the call that it slept in.
    if state(thread) == Some('R') {
        return Ok(None);
    }
    let path = format!("/proc/{thread}/syscall");
    call_in(thread, &path, fs::read_to_string(&path))
}

/// What was read of that at `path`, or why it could not be.
fn call_in(thread: Pid, path: &str, read: std::io::Result<String>) -> Result<Option<(i64, usize)>> {
    match read {
        Ok(_) if !is_ours() => {
            let why = "/proc is that of another pid namespace";
            Err(Unavailable::because(format!("{path} cannot be trusted: {why}")).into())
        }
        Ok(text) => Ok(call_and_argument(&text)),
        Err(_) if kill(thread, None) == Err(Errno::ESRCH) => Ok(None),
        // Its thread is gone between two looks, or waits to be reaped.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(_) if state(thread) == Some('Z') => Ok(None),
        Err(error) => {
            let why = closed(path, &error);
            Err(Unavailable::because(format!("{path} cannot be read: {why}")).into())
        }
    }
}

/// What proc_pid_syscall(5) says of a blocked thread: `202 0x7ffe1c 0x80 ...`.
fn call_and_argument(text: &str) -> Option<(i64, usize)> {
    let mut words = text.split_whitespace();
    let call = words.next()?.parse().ok()?;
    let argument = words.next().and_then(|word| word.strip_prefix("0x"));
    // Blocked outside of a system call there is none, and the call is -1.
    Some((call, argument.and_then(|hex| usize::from_str_radix(hex, 16).ok()).unwrap_or(0)))
}

/// Why a file of /proc about another process cannot be read.
fn closed(path: &str, error: &std::io::Error) -> String {
    let process = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
    if !is_ours() {
        return "/proc is not mounted here, or it is that of another pid namespace".to_owned();
    }
    if !Path::new(process).exists() {
        return "/proc hides other processes (hidepid)".to_owned();
    }
    if error.kind() == std::io::ErrorKind::NotFound {
        return "this kernel does not have it (gVisor, or built without it)".to_owned();
    }
    match yama_scope() {
        Ok(Some(scope @ (2 | 3))) => {
            format!("kernel.yama.ptrace_scope is {scope}, 1 would allow it")
        }
        _ => format!(
            "{}: tracing is not allowed here (a filter, a security module, or a program \
             without read permission)",
            error.kind()
        ),
    }
}

/// Whether a thread is seen blocked in `call` within `limit`; not if it ends.
///
/// # Errors
///
/// At once, if it cannot be seen at all; see [`blocked_in`].
pub fn comes_to_block_in(thread: Pid, call: i64, limit: Duration) -> Result<bool> {
    comes_to_block_in_one_of(thread, &[call], limit)
}

/// The same where libraries do a thing by different calls.
///
/// # Errors
///
/// At once, if it cannot be seen at all; see [`blocked_in`].
pub fn comes_to_block_in_one_of(thread: Pid, calls: &[i64], limit: Duration) -> Result<bool> {
    comes_to_block(thread, limit, |blocked, _| calls.contains(&blocked))
}

/// Whether a thread of this process is seen asleep in futex(2) on a word that lies in `place`, such as a
/// condition variable, within `limit`; not if it ends. One that waits for a lock meanwhile sleeps on
/// another word.
///
/// # Errors
///
/// At once, if it cannot be seen at all; see [`blocked_in`].
pub fn comes_to_sleep_on<T>(thread: Pid, place: &T, limit: Duration) -> Result<bool> {
    let start = std::ptr::from_ref(place).addr();
    let place = start..start + size_of::<T>();
    comes_to_block(thread, limit, |call, word| call == libc::SYS_futex && place.contains(&word))
}

fn comes_to_block(
    thread: Pid,
    limit: Duration,
    wanted: impl Fn(i64, usize) -> bool,
) -> Result<bool> {
    let mut limit = TimeLimit::new(limit);
    loop {
        if blocked(thread)?.is_some_and(|(call, argument)| wanted(call, argument)) {
            return Ok(true);
        }
        if limit.is_over() || has_ended(thread) {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Whether a thread is gone, or waits to be reaped.
fn has_ended(thread: Pid) -> bool {
    kill(thread, None) == Err(Errno::ESRCH) || state(thread) == Some('Z')
}

/// Whether /proc is there and counts processes as this one does: in a new pid namespace the mount of
/// the old one shows other processes under the same numbers.
pub(crate) fn is_ours() -> bool {
    fs::read_link("/proc/self")
        .is_ok_and(|link| link.to_string_lossy() == std::process::id().to_string())
}

const YAMA: &str = "/proc/sys/kernel/yama/ptrace_scope";

/// The scope of the security module Yama, which restricts who may trace whom, from 0 to 3; `None`
/// if this kernel runs without it.
///
/// # Errors
///
/// [`Unavailable`] if this system does not show it.
pub fn yama_scope() -> Result<Option<u32>> {
    match fs::read_to_string(YAMA) {
        Ok(text) => Ok(Some(text.trim().parse().context(YAMA)?)),
        // Its neighbour is there in every kernel, so a folder that shows it hides nothing.
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound
                && Path::new("/proc/sys/kernel/ostype").exists() =>
        {
            Ok(None)
        }
        Err(_) => Err(Unavailable::because(format!("{YAMA} cannot be read here")).into()),
    }
}

/// Nothing, where /proc shows the processes that this one can name: who finds nothing there may take
/// it for gone.
///
/// # Errors
///
/// [`Unavailable`] if /proc is not mounted, or is that of another pid namespace.
pub fn must_be_shown() -> Result<()> {
    let why = "/proc is not mounted here, or it is that of another pid namespace";
    if is_ours() { Ok(()) } else { Err(Unavailable::because(why).into()) }
}

/// The state of a process or thread, as the letter that proc_pid_stat(5) shows.
pub fn state(thread: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Whether a process is stopped by a signal.
pub(crate) fn is_stopped(process: Pid) -> bool {
    state(process) == Some('T')
}

/// The text of a file below /proc.
///
/// # Errors
///
/// [`Unavailable`] if this system does not show it.
pub fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if !Path::new("/proc/self").exists() => {
            Unavailable::because(format!("{path}: /proc is not mounted here")).into()
        }
        std::io::ErrorKind::NotFound => Unavailable::because(format!(
            "{path}: this system does not show it (an old kernel, or /proc with subset=pid)"
        ))
        .into(),
        _ => anyhow::Error::new(error).context(path.to_owned()),
    })
}

/// The living and unreaped children of all threads of `process`, proc_pid_task(5); none of one that is
/// gone, or where the kernel does not show them.
///
/// # Errors
///
/// If /proc cannot be read.
pub fn children(process: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    if !is_ours() {
        return Ok(found);
    }
    for thread in threads(Pid::from_raw(process as i32))? {
        let path = format!("/proc/{process}/task/{thread}/children");
        let text = unless_gone(&path, fs::read_to_string(&path))?.unwrap_or_default();
        found.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(found)
}

/// The threads of a process, proc_pid_task(5); none of one that is gone.
///
/// # Errors
///
/// If /proc cannot be read, or is not that of this process; see [`must_be_shown`].
pub fn threads(process: Pid) -> Result<Vec<Pid>> {
    must_be_shown()?;
    let path = format!("/proc/{process}/task");
    let mut found = Vec::new();
    for entry in unless_gone(&path, fs::read_dir(&path))?.into_iter().flatten() {
        let name = unless_gone(&path, entry)?.map(|entry| entry.file_name());
        found.extend(name.and_then(|name| name.to_str()?.parse().ok()).map(Pid::from_raw));
    }
    Ok(found)
}

/// What was read of a file below /proc, or nothing where its process has ended meanwhile.
fn unless_gone<T>(path: &str, outcome: std::io::Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(anyhow::Error::new(error).context(path.to_owned())),
    }
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
///
/// # Errors
///
/// If /proc cannot be read, or is not that of this process; see [`must_be_shown`].
pub fn mappings_of(process: Pid) -> Result<Vec<Mapping>> {
    must_be_shown()?;
    Ok(parse(&read(&format!("/proc/{process}/smaps"))?))
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
    fn what_cannot_be_seen_is_unavailable_at_once() {
        let gone = Pid::from_raw(i32::MAX);
        assert_eq!(blocked_in(gone).unwrap(), None);
        let error = std::io::Error::from_raw_os_error(libc::EACCES);
        assert!(closed("/proc/self/syscall", &error).contains("not allowed here"));
        assert!(closed("/proc/0/syscall", &error).contains("hidepid"));
        let error = std::io::Error::from_raw_os_error(libc::ENOENT);
        assert!(closed("/proc/self/syscall", &error).contains("this kernel does not have it"));
        let error = std::io::Error::from_raw_os_error(libc::EACCES);
        let refused = call_in(Pid::this(), "/proc/self/syscall", Err(error)).unwrap_err();
        assert!(refused.is::<Unavailable>(), "{refused}");
        let missing = read("/proc/no-such-file").unwrap_err();
        assert!(missing.is::<Unavailable>(), "{missing}");
    }

    #[test]
    fn the_call_and_its_first_argument_are_read() {
        let text = "202 0x7ffe1c 0x80 0x0 0x0 0x0 0x0 0x7ffd 0x7f01\n";
        assert_eq!(call_and_argument(text), Some((202, 0x7f_fe1c)));
        assert_eq!(call_and_argument("-1 0x7ffd 0x7f01\n").map(|(call, _)| call), Some(-1));
        assert_eq!(call_and_argument("running\n"), None);
    }

    #[test]
    fn a_thread_that_waits_for_a_lock_is_seen_in_futex() {
        let (lock, other) = (std::sync::Mutex::new(()), std::sync::Mutex::new(()));
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let held = lock.lock().unwrap();
            scope.spawn(|| {
                tell.send(nix::unistd::gettid()).unwrap();
                drop(lock.lock());
            });
            let waiter = told.recv().unwrap();
            assert!(comes_to_block_in(waiter, libc::SYS_futex, Duration::from_secs(30)).unwrap());
            assert!(comes_to_sleep_on(waiter, &lock, Duration::from_secs(30)).unwrap());
            assert!(!comes_to_sleep_on(waiter, &other, Duration::ZERO).unwrap());
            drop(held);
        });
    }
}
