//! A crash stays in its process, and reaches others all the same where they share something: a
//! pipe, a process group, a lock, a record, an address space, a quota. Each channel has a guard.

use std::io::{Read, Write};

use anyhow::{Context, Result, ensure};
use lab::child::{explain, status};
use lab::{Evidence, Experiment, Lab, Unavailable, say};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, kill, raise, signal};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, getpid, pause, setpgid};

use crate::fault::default_action;
use crate::shared_memory;
use crate::watched::{child, ended_by};

pub const EXPERIMENT: Experiment = Experiment {
    name: "indirect",
    question: "By which ways does a crash reach other processes all the same?",
    claims: &["process-crash-contained", "faults-spread-indirectly"],
    run,
};

/// A way by which one process's fault reaches another.
struct Channel {
    name: &'static str,
    harm: &'static str,
    guard: &'static str,
    /// Whether the harm was seen, and whether the guard kept it off.
    show: fn() -> Result<(bool, bool)>,
}

const CHANNELS: [Channel; 6] = [
    Channel {
        name: "dead reader",
        harm: "the writer is ended by SIGPIPE",
        guard: "SIGPIPE ignored: write returns EPIPE",
        show: dead_reader,
    },
    Channel {
        name: "process group",
        harm: "a worker's SIGINT ends its whole group",
        guard: "a group of its own, setpgid",
        show: process_group,
    },
    Channel {
        name: "killed lock holder",
        harm: "the lock stays taken: EBUSY",
        guard: "a robust mutex: EOWNERDEAD",
        show: shared_memory::killed_lock_holder,
    },
    Channel {
        name: "half-written record",
        harm: "the reader finds money missing",
        guard: "write a copy, publish it in one store",
        show: shared_memory::half_written_record,
    },
    Channel {
        name: "shared address space",
        harm: "a CLONE_VM child writes to its parent",
        guard: "fork: the child writes its copy",
        show: shared_memory::address_space,
    },
    Channel {
        name: "quota of the user",
        harm: "sigqueue fails in a neighbour: EAGAIN",
        guard: "a lower limit for the greedy one, setrlimit",
        show: quota,
    },
];

fn run(_: &Lab) -> Result<Evidence> {
    let (mut open, mut guarded) = (Vec::new(), 0);
    let mut evidence = Evidence::new();
    for channel in &CHANNELS {
        let name = channel.name;
        let (harm, guard) = (channel.show)().with_context(|| name)?;
        if harm {
            open.push(name);
            say!("parent", "{name:<20} {}", channel.harm);
        } else {
            say!("parent", "{name:<20} carries no harm here");
        }
        guarded += usize::from(harm && guard);
        evidence = evidence
            .fact(&format!("{name}: harm"), harm)
            .fact(&format!("{name}: harm in spite of the guard"), !guard);
        say!("guard", "{}: {}", channel.guard, if guard { "no harm" } else { "harm all the same" });
    }
    Ok(evidence
        .fact("channels", CHANNELS.len())
        .fact("channels that carry harm", open.len())
        .fact("harmful channels", open.join(", "))
        .fact("harmful channels that a guard closes", guarded))
}

// ANCHOR: dead-reader
fn dead_reader() -> Result<(bool, bool)> {
    let (reader, writer) = std::io::pipe().context("pipe")?;
    child(|| status(raise(Signal::SIGKILL)))?.wait()?; // The reader crashes.
    drop(reader);
    let write = || (&writer).write(b"x").map_err(|error| error.raw_os_error());
    let unaware = child(|| {
        let _ = default_action(Signal::SIGPIPE);
        i32::from(write().is_err())
    })?;
    let aware = child(|| {
        // SAFETY: an ignored signal runs no code of this process. Rust's main does this too.
        let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
        i32::from(write() != Err(Some(Errno::EPIPE as i32)))
    })?;
    Ok((ended_by(unaware, Signal::SIGPIPE)?, matches!(aware.wait()?, WaitStatus::Exited(_, 0))))
}
// ANCHOR_END: dead-reader

fn process_group() -> Result<(bool, bool)> {
    let interrupts_its_group = |group: Pid| {
        let _ = default_action(Signal::SIGINT);
        let moved = setpgid(Pid::from_raw(0), group).map_err(explain("setpgid"));
        let kill = || kill(Pid::from_raw(0), Signal::SIGINT).map_err(explain("kill"));
        status(moved.and_then(|()| kill()))
    };
    let leader_is_ended = |worker_has_own_group: bool| -> Result<bool> {
        let (mut ready, mut tell) = std::io::pipe().context("pipe")?;
        let leader = child(|| {
            let _ = default_action(Signal::SIGINT);
            let _ = tell.write_all(b".");
            loop {
                pause();
            }
        })?;
        // A signal that comes before is ignored, if this program was started so.
        ready.read_exact(&mut [0]).context("read")?;
        setpgid(leader.pid(), leader.pid()).map_err(explain("setpgid"))?;
        let group = if worker_has_own_group { Pid::from_raw(0) } else { leader.pid() };
        let worker = child(|| interrupts_its_group(group))?;
        ensure!(ended_by(worker, Signal::SIGINT)?, "the worker survived its own SIGINT");
        // A signal that was sent is there; a leader that still lives is ended here by SIGKILL.
        leader.signal(Signal::SIGKILL)?;
        ended_by(leader, Signal::SIGINT)
    };
    Ok((leader_is_ended(false)?, !leader_is_ended(true)?))
}

/// How many signals the greedy one queues, and from how many on its neighbour is refused another.
const GREEDY: usize = 128;
const ROOM: u64 = 64;

/// The kernel counts queued signals per user, as it counts processes: setrlimit(2),
/// RLIMIT_SIGPENDING, which binds root too. Beside one that queues none the neighbour has to have room,
/// or it was not the greedy one that took it.
fn quota() -> Result<(bool, bool)> {
    let (_, hard) = getrlimit(Resource::RLIMIT_SIGPENDING).map_err(explain("getrlimit"))?;
    let used = queued_signals()?;
    let queue = |limit: u64, number: usize| -> nix::Result<()> {
        setrlimit(Resource::RLIMIT_SIGPENDING, limit.min(hard), hard)?;
        (0..number).try_for_each(|_| queue_a_signal())
    };
    let neighbour_is_refused = |limit, number| -> Result<bool> {
        let (mut ready, mut done) = std::io::pipe().context("pipe")?;
        let _greedy = child(|| {
            let _as_many_as_it_may = queue(limit, number);
            let _ = done.write_all(b".");
            loop {
                pause();
            }
        })?;
        ready.read_exact(&mut [0]).context("read")?;
        let neighbour = child(|| match queue(used + ROOM, 1) {
            Ok(()) => HAD_ROOM,
            Err(Errno::EAGAIN) => REFUSED,
            Err(errno) => status(Err::<(), _>(explain("sigqueue")(errno))),
        })?;
        match neighbour.wait()? {
            WaitStatus::Exited(_, HAD_ROOM) => Ok(false),
            WaitStatus::Exited(_, REFUSED) => Ok(true),
            status => anyhow::bail!("the neighbour {}", lab::child::in_words(status)),
        }
    };
    let why = "this user may queue no signal even beside a modest process (ulimit -i)";
    ensure!(!neighbour_is_refused(hard, 0)?, Unavailable::because(why));
    let harm = neighbour_is_refused(hard, GREEDY)?;
    Ok((harm, !neighbour_is_refused(used + ROOM / 2, GREEDY)?))
}

/// Exit statuses of the neighbour.
const HAD_ROOM: i32 = 0;
const REFUSED: i32 = 11;

/// Queues a blocked real-time signal for this process; it stays in the queue.
fn queue_a_signal() -> nix::Result<()> {
    let value = libc::sigval { sival_ptr: std::ptr::null_mut() };
    // SAFETY: the set is initialised by sigemptyset before it is read; the calls take plain values.
    let sent = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGRTMIN());
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        libc::sigqueue(getpid().as_raw(), libc::SIGRTMIN(), value)
    };
    Errno::result(sent).map(drop)
}

/// How many signals are queued for all processes of this user, proc_pid_status(5).
fn queued_signals() -> Result<u64> {
    let status = lab::proc::read("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("SigQ:"));
    let queued = line.and_then(|line| line.trim().split('/').next()?.parse().ok());
    queued.context("/proc/self/status has no SigQ")
}
