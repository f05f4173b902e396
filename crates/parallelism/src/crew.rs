//! So many workers, as threads or as processes, that begin and end the same work together.

use std::collections::HashSet;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::child::{Child, LIMIT, explain, give_up, in_words, late, status};
use lab::sample::Pinned;
use lab::thread::spawn;
use lab::{Shared, TimeLimit};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::WaitStatus;
use nix::time::{ClockId, clock_gettime};

/// More workers than this are not measured.
pub const MOST: usize = 64;
/// So often all have to meet without anybody leaving a CPU, to have run at the same time.
const MEETINGS: usize = 50;
/// So long that is tried: on a busy machine others may want a CPU at that moment.
const ATTEMPTS: Duration = Duration::from_millis(300);

/// What the workers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Threads of this process.
    Threads,
    /// Processes that were forked from it.
    Processes,
}

/// What all workers see, in memory that is shared, also by those that are processes.
pub struct Board {
    arrived: AtomicUsize,
    failed: AtomicBool,
    /// The next piece of work that nobody has taken.
    pub next: AtomicU64,
    /// What has been found.
    pub found: AtomicU64,
    /// A counter for who wants to lose updates.
    pub counter: AtomicU64,
    cpus: [AtomicU32; MOST],
    switches: [AtomicU64; MOST],
    /// When each began and ended, in nanoseconds of the clock that all read.
    began: [AtomicU64; MOST],
    ended: [AtomicU64; MOST],
}

impl Board {
    fn new() -> Board {
        let times = || [const { AtomicU64::new(0) }; MOST];
        Board {
            arrived: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            next: AtomicU64::new(0),
            found: AtomicU64::new(0),
            counter: AtomicU64::new(0),
            cpus: [const { AtomicU32::new(0) }; MOST],
            switches: times(),
            began: times(),
            ended: times(),
        }
    }
}

/// One of the workers.
pub struct Worker<'a> {
    /// Counts from 0; number 0 is the thread that asked for the crew.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// What all of them see.
    pub board: &'a Board,
    met: usize,
}

impl Worker<'_> {
    /// Begins, once all workers are here. What was done before is not timed.
    pub fn begin(&mut self) -> Result<()> {
        self.meet()?;
        self.board.began[self.number].store(now()?, Release);
        Ok(())
    }

    // ANCHOR: meet
    /// Waits until all workers are here. It does not sleep: who is here goes on at once.
    pub fn meet(&mut self) -> Result<()> {
        self.met += 1;
        self.board.arrived.fetch_add(1, AcqRel);
        let (mut limit, mut looks) = (TimeLimit::new(LIMIT), 0u32);
        while self.board.arrived.load(Acquire) < self.met * self.of {
            std::hint::spin_loop();
            looks += 1;
            // Whoever is awaited may need this CPU.
            if looks.is_multiple_of(1024) {
                std::thread::yield_now();
                ensure!(!self.board.failed.load(Relaxed), "another worker failed");
                if limit.is_over() {
                    return Err(late("a worker did not come"));
                }
            }
        }
        Ok(())
    }
    // ANCHOR_END: meet
}

/// Lets `of` workers do `work` together, each on the CPU that `place` says. The result is the time
/// from when the first of them calls [`Worker::begin`]
/// and all are there, until the last is done; making and ending them does not count.
pub fn together(
    kind: Kind,
    of: usize,
    place: &(dyn Fn(usize) -> usize + Sync),
    work: &(dyn Fn(&mut Worker<'_>) -> Result<()> + Sync),
) -> Result<(Duration, Seen)> {
    ensure!((1..=MOST).contains(&of), "{of} workers");
    let board = &*Shared::new(Board::new())?;
    let play = |number: usize| -> Result<()> {
        let _pinned = Pinned::to(place(number))?;
        let mut worker = Worker { number, of, board, met: 0 };
        let done = work(&mut worker).and_then(|()| {
            board.ended[number].store(now()?, Release);
            Ok(())
        });
        done.inspect_err(|_| board.failed.store(true, Relaxed))
    };
    // ANCHOR: kinds
    match kind {
        Kind::Threads => std::thread::scope(|scope| -> Result<()> {
            let play = &play;
            for number in 1..of {
                spawn(scope, "worker", move || {
                    play(number).unwrap_or_else(|error| give_up(&error));
                })?;
            }
            play(0).unwrap_or_else(|error| give_up(&error));
            Ok(())
        })?,
        Kind::Processes => {
            let mut children = Vec::new();
            for number in 1..of {
                let body = || status(play(number));
                // SAFETY: this process has one thread, so no lock is held by another.
                children.push(unsafe { Child::fork(body) }?);
            }
            play(0)?;
            for child in children {
                let status = child.wait()?;
                ensure!(
                    matches!(status, WaitStatus::Exited(_, 0)),
                    "a worker {}",
                    in_words(status)
                );
            }
        }
    }
    // ANCHOR_END: kinds
    // On one CPU a worker may be done before another one has noticed that all were there.
    let began = board.began[..of].iter().map(|time| time.load(Acquire)).min().unwrap_or(0);
    let ended = board.ended[..of].iter().map(|time| time.load(Acquire)).max().unwrap_or(0);
    let took = Duration::from_nanos(ended.saturating_sub(began));
    let found = board.found.load(Acquire);
    Ok((took, Seen { found, counter: board.counter.load(Acquire) }))
}

/// What stood on the board in the end.
pub struct Seen {
    /// What was found.
    pub found: u64,
    /// What the counter said.
    pub counter: u64,
}

/// Where workers were seen.
pub struct AtOnce {
    /// The most CPUs on which they ran at the same instant.
    pub cpus: usize,
    /// The most CPUs on which they were, at the same instant or in turn.
    pub places: usize,
}

/// The most CPUs on which workers were seen to run at the same instant: they meet again and again,
/// and meanwhile none of them has left its CPU.
pub fn cpus_at_once(
    kind: Kind,
    of: usize,
    place: &(dyn Fn(usize) -> usize + Sync),
) -> Result<AtOnce> {
    let start = Instant::now();
    let look = |worker: &mut Worker<'_>| {
        let (number, board) = (worker.number, worker.board);
        // The first worker says when it is enough, and the others see that after they have met.
        while board.next.load(Relaxed) == 0 {
            // ANCHOR: overlap
            worker.meet()?;
            let before = switches()?;
            for _ in 0..MEETINGS {
                worker.meet()?;
            }
            board.switches[number].store(switches()? - before, Relaxed);
            board.cpus[number].store(on_cpu()?, Relaxed);
            worker.meet()?;
            // ANCHOR_END: overlap
            if number == 0 {
                let stayed = |worker: usize| board.switches[worker].load(Relaxed) == 0;
                let cpus = |of: &dyn Fn(usize) -> bool| -> usize {
                    let cpus: HashSet<u32> = (0..worker.of)
                        .filter(|worker| of(*worker))
                        .map(|worker| board.cpus[worker].load(Relaxed))
                        .collect();
                    cpus.len()
                };
                let at_once = cpus(&stayed);
                board.found.fetch_max(at_once as u64, Relaxed);
                board.counter.fetch_max(cpus(&|_| true) as u64, Relaxed);
                let enough = at_once == worker.of || start.elapsed() > ATTEMPTS;
                board.next.store(u64::from(enough), Relaxed);
            }
            worker.meet()?;
        }
        Ok(())
    };
    let seen = together(kind, of, place, &look)?.1;
    Ok(AtOnce { cpus: (seen.found as usize).max(1), places: seen.counter as usize })
}

/// The time since the machine began, the same in all processes.
fn now() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_err(explain("clock_gettime"))?;
    Ok(Duration::from(now).as_nanos() as u64)
}

/// How often this thread has left its CPU, getrusage(2).
fn switches() -> Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).map_err(explain("getrusage"))?;
    Ok((usage.voluntary_context_switches() + usage.involuntary_context_switches()) as u64)
}

fn on_cpu() -> Result<u32> {
    // SAFETY: the call takes nothing.
    let cpu = unsafe { libc::sched_getcpu() };
    Ok(nix::errno::Errno::result(cpu).map_err(explain("getcpu"))? as u32)
}
