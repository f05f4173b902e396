//! Processes deadlock as well. Of the three kinds of file lock, the kernel watches over one.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lab::child::{Child, LIMIT, explain, failed, in_words, late};
use lab::proc::blocked_in;
use lab::{Evidence, Experiment, Lab, TimeLimit, say, span};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "cross-process",
    question: "Are processes safe from it, and does the kernel help?",
    claims: &["deadlock-freezes"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    // There each process opens the files once more.
    lab::proc::must_be_shown()?;
    let record = lock_crosswise("record locks, fcntl(F_SETLKW)", record_lock)?;
    let flock = lock_crosswise("flock(2)", flock)?;
    let description = lock_crosswise("open file description locks", description_lock)?;
    Ok(Evidence::new()
        .fact("record locks answer", record.answer)
        .fact("processes frozen by record locks", record.frozen)
        .fact("processes frozen by flock", flock.frozen)
        .fact("processes frozen by open file description locks", description.frozen)
        .fact("flock: a kill frees the other", flock.freed))
}

/// Locks a whole file, and waits while somebody else has it.
type Lock = fn(&File) -> nix::Result<()>;

// ANCHOR: locks
fn record_lock(file: &File) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_SETLKW(&whole_file())).map(drop)
}

fn description_lock(file: &File) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLKW(&whole_file())).map(drop)
}

fn flock(file: &File) -> nix::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed.
    Errno::result(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }).map(drop)
}
// ANCHOR_END: locks

fn whole_file() -> libc::flock {
    // SAFETY: all-zero bytes are a valid `flock`: from offset 0 to the end, however far that is.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as i16;
    lock.l_whence = libc::SEEK_SET as i16;
    lock
}

/// A process exits with this status where the kernel told it of the circle.
const REFUSED: i32 = Errno::EDEADLK as i32;

struct Outcome {
    /// The errno with which the kernel refused to wait, or "none".
    answer: String,
    /// Processes that waited for each other until one was killed.
    frozen: usize,
    /// Whether the other one got its lock when one was killed.
    freed: bool,
}

/// Two processes lock two files in opposite order, each its first before either its second.
fn lock_crosswise(kind: &str, lock: Lock) -> Result<Outcome> {
    say!("main", "{kind}:");
    let (a, b) = (new_file(c"file A")?, new_file(c"file B")?);
    let (here, there) = UnixStream::pair().context("socketpair")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let one = unsafe { Child::fork(|| both("peer-1", lock, ("A", &a), ("B", &b), &here)) }?;
    // SAFETY: as above.
    let two = unsafe { Child::fork(|| both("peer-2", lock, ("B", &b), ("A", &a), &there)) }?;

    let mut answer = "none".to_owned();
    if both_wait(&one, &two)? {
        say_who_waits(&one, &two);
        say!("watchdog", "nothing moves: kills peer-2");
        two.kill()?;
        let freed = match one.wait_for(LIMIT / 2)? {
            Ok(WaitStatus::Exited(_, 0)) => true,
            Ok(other) => bail!("peer-1 {}", in_words(other)),
            Err(_still_waits) => false,
        };
        let then = if freed { "the kernel dropped what peer-2 held" } else { "peer-1 still waits" };
        say!("watchdog", "{then}");
        return Ok(Outcome { answer, frozen: 2, freed });
    }
    for child in [one, two] {
        match child.wait()? {
            WaitStatus::Exited(_, 0) => {}
            WaitStatus::Exited(_, REFUSED) => answer = format!("{:?}", Errno::EDEADLK),
            other => bail!("a process {}", in_words(other)),
        }
    }
    Ok(Outcome { answer, frozen: 0, freed: false })
}

fn both(
    me: &'static str,
    lock: Lock,
    (first_name, first): (&str, &OwnedFd),
    (second_name, second): (&str, &OwnedFd),
    mut other: &UnixStream,
) -> i32 {
    let mut attempt = || -> Result<i32> {
        let (first, second) = (open_again(first)?, open_again(second)?);
        lock(&first).context("the first lock")?;
        let _holds = span!(me, "holds file {first_name}");
        other.write_all(b".")?;
        other.read_exact(&mut [0])?;
        let waits = span!(me, "waits for file {second_name}");
        let locked = lock(&second);
        drop(waits);
        Ok(match locked {
            Ok(()) => {
                say!(me, "has both files");
                0
            }
            Err(errno @ Errno::EDEADLK) => {
                say!(me, "is told {errno:?}: the kernel has found the circle; lets go");
                REFUSED
            }
            Err(errno) => return Err(explain("the second lock")(errno)),
        })
    };
    attempt().unwrap_or_else(|error| failed(&error))
}

/// A file in memory, which is gone with its last descriptor.
fn new_file(name: &std::ffi::CStr) -> Result<OwnedFd> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))
}

/// A description of one's own: flock would take an inherited one for the same owner.
fn open_again(file: &OwnedFd) -> Result<File> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let opened = File::options().read(true).write(true).open(&path);
    opened.with_context(|| format!("open {path}"))
}

/// The watchdog: whether both sleep in a lock call, and still do after a while.
fn both_wait(one: &Child, two: &Child) -> Result<bool> {
    let mut limit = TimeLimit::new(LIMIT / 2);
    let mut since = None;
    while !limit.is_over() {
        if one.ends_within(Duration::from_millis(1))? || two.ends_within(Duration::ZERO)? {
            return Ok(false);
        }
        if !(waits(one)? && waits(two)?) {
            since = None;
        } else if since.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(50) {
            return Ok(true);
        }
    }
    Err(late("two processes neither ended nor were seen waiting"))
}

/// Whether the process sleeps in a call that locks a file.
fn waits(child: &Child) -> Result<bool> {
    let call = blocked_in(child.pid())?;
    Ok([libc::SYS_fcntl, libc::SYS_flock].map(Some).contains(&call))
}

/// Reads `/proc/locks`, where `->` marks one who waits for the lock in the line above it.
fn say_who_waits(one: &Child, two: &Child) {
    let name = |pid: &str| {
        let known = [(one, "peer-1"), (two, "peer-2")];
        known.into_iter().find(|(child, _)| child.pid().to_string() == pid).map(|(_, name)| name)
    };
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut holder = None;
    let mut told = 0;
    for line in locks.lines() {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        match words[..] {
            ["->", _, _, _, pid, ..] => {
                if let (Some(waiter), Some(holder)) = (name(pid), holder) {
                    say!("watchdog", "{waiter} waits for {holder}, says /proc/locks");
                    told += 1;
                }
            }
            [_, _, _, pid, ..] => holder = name(pid),
            _ => {}
        }
    }
    if told == 0 {
        say!("watchdog", "both sleep in the call; /proc/locks names no owner here");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_in_a_process_is_not_the_kernels_answer() {
        let (a, b) = (new_file(c"file A").unwrap(), new_file(c"file B").unwrap());
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(b"..").unwrap();
        let ends_with = |lock: Lock| both("peer-1", lock, ("A", &a), ("B", &b), &here);
        assert_eq!(ends_with(|_| Ok(())), 0);
        assert_eq!(ends_with(|_| Err(Errno::EMFILE)), 1);
    }
}
