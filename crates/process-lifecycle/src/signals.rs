//! A signal that is sent to a process is taken by one of its threads: one that does not block it.

use std::sync::Barrier;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::thread::Scope;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::explain;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::unistd::{Pid, getpid, gettid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "signals",
    question: "A signal is sent to a process with threads. Which one takes it?",
    claims: &[],
    run,
};

/// Who ran the handler last, and how often it has run.
static TAKEN_BY: AtomicI32 = AtomicI32::new(0);
static TAKEN: AtomicU32 = AtomicU32::new(0);

// ANCHOR: handler
extern "C" fn note(_: libc::c_int) {
    // gettid and an atomic store are among the few things that a handler may do.
    TAKEN_BY.store(gettid().as_raw(), Ordering::Relaxed);
    TAKEN.fetch_add(1, Ordering::Release);
}
// ANCHOR_END: handler

const SENT: u32 = 20;

fn run(_: &Lab) -> Result<Evidence> {
    let action = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler calls nothing that is not async-signal-safe.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.map_err(explain("sigaction"))?;
    let stop = Barrier::new(3);
    let (told, tell, blocking) = (Barrier::new(3), AtomicI32::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        let first = gettid();
        let worker = |blocks| idle(threads, blocks, [&told, &stop], &tell, &blocking);
        // A mask is inherited from the thread that makes a thread.
        worker(true)?;
        worker(false)?;
        told.wait();
        let open = Pid::from_raw(tell.load(Ordering::Acquire));
        let outcome = observe(first, open, blocking.load(Ordering::Acquire));
        stop.wait();
        outcome
    })
}

/// Starts a thread that does nothing but be there, with SIGUSR1 blocked or not.
fn idle<'scope>(
    threads: &'scope Scope<'scope, '_>,
    blocks: bool,
    [told, stop]: [&'scope Barrier; 2],
    open: &'scope AtomicI32,
    blocking: &'scope AtomicUsize,
) -> Result<()> {
    spawn(threads, if blocks { "blocking" } else { "open" }, move || {
        if blocks {
            let _ = only(Signal::SIGUSR1).thread_block();
        } else {
            open.store(gettid().as_raw(), Ordering::Release);
        }
        let mask = SigSet::thread_get_mask();
        let is_blocked = mask.is_ok_and(|mask| mask.contains(Signal::SIGUSR1));
        blocking.fetch_add(usize::from(is_blocked), Ordering::AcqRel);
        told.wait();
        stop.wait();
    })?;
    Ok(())
}

fn observe(first: Pid, open: Pid, blocking: usize) -> Result<Evidence> {
    let count = |by: &[_], who: Pid| by.iter().filter(|tid| **tid == Some(who)).count();
    let by = takers(|| kill(getpid(), Signal::SIGUSR1))?;
    let by_first = count(&by, first);
    let sent = by.len();
    say!("first", "of {sent} signals to the process the first thread took {by_first}");

    only(Signal::SIGUSR1).thread_block().map_err(explain("pthread_sigmask"))?;
    let by = takers(|| kill(getpid(), Signal::SIGUSR1))?;
    let by_open = count(&by, open);
    let mask = SigSet::thread_get_mask().map_err(explain("pthread_sigmask"))?;
    let blocks = if mask.contains(Signal::SIGUSR1) { "blocks SIGUSR1" } else { "blocks nothing" };
    say!("first", "{blocks}, and of two workers {blocking} blocks it");
    say!(
        "first",
        "of {} more the other worker took {by_open}, the first {}",
        by.len(),
        count(&by, first)
    );

    let by = takers(|| to_thread(open))?;
    let directed = count(&by, open);
    say!("first", "of {} to that worker alone, by tgkill, it took {directed}", by.len());

    // ANCHOR: wait
    let set = only(Signal::SIGUSR2);
    set.thread_block().map_err(explain("pthread_sigmask"))?;
    to_thread_signal(gettid(), Signal::SIGUSR2).map_err(explain("tgkill"))?;
    let waited = set.wait().map_err(explain("sigwait"))?;
    // ANCHOR_END: wait
    say!("first", "blocks SIGUSR2 and waits for it: sigwait returned {waited}");
    Ok(Evidence::new()
        .fact("signals: sent each time", sent)
        .fact("signals: taken by the first thread", by_first)
        .fact("signals: taken by the only one that does not block", by_open)
        .fact("signals: taken by the one addressed", directed)
        .fact("signals: sigwait returned", waited.as_str()))
}

/// Sends so many signals, one after the other, and says which thread took each, up to one that nobody
/// takes.
fn takers(send: impl Fn() -> nix::Result<()>) -> Result<Vec<Option<Pid>>> {
    let mut by = Vec::new();
    for _ in 0..SENT {
        let before = TAKEN.load(Ordering::Acquire);
        send().context("kill")?;
        let mut waited = 0;
        while TAKEN.load(Ordering::Acquire) == before && waited < 10_000 {
            std::thread::sleep(Duration::from_micros(200));
            waited += 1;
        }
        let taken = TAKEN.load(Ordering::Acquire) != before;
        by.push(taken.then(|| Pid::from_raw(TAKEN_BY.load(Ordering::Relaxed))));
        if !taken {
            break; // Nobody takes it, and it would stand for all that follow.
        }
    }
    Ok(by)
}

fn only(signal: Signal) -> SigSet {
    let mut set = SigSet::empty();
    set.add(signal);
    set
}

fn to_thread(thread: Pid) -> nix::Result<()> {
    to_thread_signal(thread, Signal::SIGUSR1)
}

/// Sends a signal to one thread of this process, tgkill(2).
fn to_thread_signal(thread: Pid, signal: Signal) -> nix::Result<()> {
    // SAFETY: the call takes three integers.
    let sent = unsafe {
        libc::syscall(libc::SYS_tgkill, getpid().as_raw(), thread.as_raw(), signal as i32)
    };
    nix::errno::Errno::result(sent).map(drop)
}
