//! When, and in which order, does a thread see what another one writes? That takes an agreement.

use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use lab::sample::{Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, TimeLimit, say, say_why};

pub const EXPERIMENT: Experiment = Experiment {
    name: "order",
    question: "When does a thread see what another one writes while both run?",
    claims: &["threads-share-memory"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let (meanwhile, right) = published()?;
    let both = if meanwhile > 0 { "both were at work" } else { "the reader had not begun" };
    let by = format!("{WRITE:?} and {READ:?}");
    say!("reader", "read {right} of {ITEMS} items right, by {by}");
    say!("reader", "half way the writer saw {meanwhile} of them read: {both}");
    let evidence = Evidence::new()
        .fact("items published", ITEMS)
        .fact("items published by", by)
        .measured("items read right", right, "items")
        .fact("read while the writer wrote", meanwhile > 0);

    let [one, other, ..] = allowed_cpus()[..] else {
        let why = "one CPU is allowed here, and it runs the threads in turn";
        say_why!("main", "{why}");
        return Ok(evidence.missing(NEITHER, why));
    };
    let limit = Duration::from_millis(lab.by_effort(150, 300, 2000));
    let (rounds, neither) = write_then_read(STORE_AND_LOAD, [one, other], ROUNDS, limit)?;
    say!("main", "{rounds} times two threads write, then read the other's value:");
    say!("main", "by {STORE_AND_LOAD:?}, neither saw the other's write in {neither} rounds");
    let (again, none) = write_then_read(CONTROL, [one, other], rounds, limit)?;
    say!("main", "by {CONTROL:?}, neither saw it in {none} of {again} rounds");
    Ok(evidence
        .fact("written and read by", format!("{STORE_AND_LOAD:?}"))
        .measured("rounds", rounds, "rounds")
        .measured(NEITHER, neither, "rounds")
        .fact("some writes were seen late", neither > 0)
        .fact("control: written and read by", format!("{CONTROL:?}"))
        .fact("control: rounds in which neither saw it", none))
}

const NEITHER: &str = "rounds in which neither saw the other's write";
const ITEMS: usize = 100_000;

// ANCHOR: published
/// How the writer raises the count, and how the reader looks at it: who sees the count so sees
/// what was written before it was raised.
const WRITE: Ordering = Release;
const READ: Ordering = Acquire;

/// Reads items while another thread writes them. Returns how many were read before the writer had
/// written its second half, and how many were read right.
fn published() -> Result<(usize, usize)> {
    let items: Vec<AtomicU64> = (0..ITEMS).map(|_| AtomicU64::new(0)).collect();
    let wanted = |index: usize| index as u64 * 7 + 1;
    let (ready, read) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let writer = spawn(scope, "writer", || {
            start.wait();
            let mut read_by_half = 0;
            for (index, item) in items.iter().enumerate() {
                if index == ITEMS / 2 {
                    read_by_half = wait_for_a_reader(&read);
                }
                item.store(wanted(index), Relaxed);
                ready.store(index + 1, WRITE);
            }
            read_by_half
        })?;
        start.wait();
        let (mut seen, mut right) = (0, 0);
        while seen < ITEMS {
            let now = ready.load(READ);
            right += (seen..now).filter(|i| items[*i].load(Relaxed) == wanted(*i)).count();
            seen = now;
            read.store(seen, Relaxed);
            thread::yield_now();
        }
        let meanwhile = writer.join().map_err(|_| anyhow!("the writer panicked"))?;
        Ok((meanwhile, right))
    })
}
// ANCHOR_END: published

/// Half way the writer waits until something was read, for a second at most, and says how much.
fn wait_for_a_reader(read: &AtomicUsize) -> usize {
    let mut limit = TimeLimit::new(Duration::from_secs(1));
    while read.load(Relaxed) == 0 && !limit.is_over() {
        thread::yield_now();
    }
    read.load(Relaxed)
}

const ROUNDS: u64 = 20_000;

/// How each of the two threads writes its variable and reads the other's.
const STORE_AND_LOAD: Ordering = Relaxed;

/// How they do it in the control, in which one of the two must see the other's write.
const CONTROL: Ordering = SeqCst;

/// A variable with cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Alone(AtomicU64);

/// Lets two threads write and read at the same time, round by round, until `most` rounds or
/// `limit` are over. Returns the number of rounds, and of those in which neither saw the other's
/// write.
fn write_then_read(
    order: Ordering,
    cpus: [usize; 2],
    most: u64,
    limit: Duration,
) -> Result<(u64, u64)> {
    let (variables, ready): ([Alone; 2], [Alone; 2]) = Default::default();
    let (over, end) = (AtomicBool::new(false), Instant::now() + limit);
    let side = |me: usize| -> Result<Vec<bool>> {
        let _pinned = Pinned::to(cpus[me]);
        let (mine, others) = (&variables[me].0, &variables[1 - me].0);
        let mut missed = Vec::new();
        for round in 1..=most {
            ready[me].0.store(round, SeqCst);
            while ready[1 - me].0.load(SeqCst) < round {
                if over.load(Relaxed) {
                    return Ok(missed);
                }
                std::hint::spin_loop();
            }
            // ANCHOR: round
            mine.store(round, order);
            missed.push(others.load(order) < round);
            // ANCHOR_END: round
            if round % 16 == 0 && Instant::now() > end {
                break;
            }
        }
        over.store(true, Relaxed);
        Ok(missed)
    };
    let [one, other] = thread::scope(|scope| {
        let other = spawn(scope, "other", || side(1))?;
        let one = side(0)?;
        let other = other.join().map_err(|_| anyhow!("the other thread panicked"))??;
        anyhow::Ok([one, other])
    })?;
    let rounds = one.len().min(other.len());
    let neither = one.iter().zip(&other).filter(|(one, other)| **one && **other).count();
    Ok((rounds as u64, neither as u64))
}
