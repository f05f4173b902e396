//! `fork` is called once and returns twice: in the parent with the child's pid, in the child
//! with 0. Which of the two goes on first is not promised.

use std::fs::read_to_string;
use std::io::{Read, Write, pipe};

use anyhow::{Context, Result};
use lab::child::{Child, die_with, exit, explain, explain_io, in_words, status};
use lab::proc::must_be_shown;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "returns-twice",
    question: "Who returns from fork, and with what?",
    claims: &[],
    run,
};

/// How many forks are counted.
const FORKS: u32 = 100;

fn run(_: &Lab) -> Result<Evidence> {
    let parent = getpid();
    say!("parent", "calls fork, once");

    // ANCHOR: fork
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = match unsafe { fork() }.map_err(explain("fork"))? {
        ForkResult::Child => {
            die_with(parent);
            say!("child", "fork returned 0 to me; my parent is {}", getppid());
            exit(7)
        }
        ForkResult::Parent { child } => child,
    };
    say!("parent", "fork returned {child} to me");

    // Waits until the child has ended, and leaves its status where it is.
    let waited = waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    let state = state_of(child)?;
    let when = match waited {
        Ok(_) | Err(Errno::ECHILD) => "has ended",
        Err(_) => "may not have ended",
    };
    say!("parent", "when child {child} {when}, /proc says: {state}");
    let status = match waitpid(child, None) {
        Ok(status) => in_words(status),
        Err(errno) => format!("left no status: {errno:?}"),
    };
    say!("parent", "waitpid says: child {child} {status}");
    // ANCHOR_END: fork

    let first = 100 * child_first()? / FORKS;
    say!("parent", "of {FORKS} forks the child was first in {first} %, else the parent");
    Ok(Evidence::new()
        .fact("child's pid differs", child != parent)
        .fact("child's state before waitpid", state)
        .fact("child's status", status)
        .measured("child goes on first", first, "%"))
}

/// The state of a process in words, from proc_pid_status(5).
fn state_of(pid: Pid) -> Result<String> {
    must_be_shown()?;
    let status = match read_to_string(format!("/proc/{pid}/status")) {
        // Of a process that ends meanwhile the open file says the second.
        Err(error) if [Some(libc::ENOENT), Some(libc::ESRCH)].contains(&error.raw_os_error()) => {
            return Ok("no such process".to_owned());
        }
        read => read.map_err(explain_io("/proc/PID"))?,
    };
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    Ok(state.context("/proc shows no state")?.trim().to_owned())
}

/// In how many of the forks the child wrote into a pipe before its parent did.
fn child_first() -> Result<u32> {
    let (mut reader, writer) = pipe().context("pipe")?;
    let mut first = 0;
    for _ in 0..FORKS {
        // Nothing but the fork lies between the two and their first write.
        // SAFETY: this process has one thread, so the child inherits no lock of someone else.
        let child = match unsafe { fork() }.map_err(explain("fork"))? {
            ForkResult::Child => exit(status((&writer).write_all(b"c"))),
            ForkResult::Parent { child } => Child::adopt(child),
        };
        (&writer).write_all(b"p").context("write")?;
        let mut order = [0; 2];
        reader.read_exact(&mut order).context("read who was first")?;
        drop(child);
        first += u32::from(order[0] == b'c');
    }
    Ok(first)
}
