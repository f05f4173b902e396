//! Two threads add 1 to a counter, five times each, in two steps: read, write. The smallest sum is
//! not 5 and not 1. A search of every order finds it, and two threads are led there.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say, span};

use crate::side_by_side::side_by_side;

pub const EXPERIMENT: Experiment = Experiment {
    name: "smallest-sum",
    question: "Two threads add 1 five times each. What is the smallest sum?",
    claims: &[],
    run,
};

const UPDATES: u32 = 5;

fn run(_: &Lab) -> Result<Evidence> {
    let led = led_to_the_smallest()?;
    say!("main", "{UPDATES} updates each, led there: should be {}, is {led}", 2 * UPDATES);
    let sums = every_sum();
    let (smallest, largest) = (sums.first().copied(), sums.last().copied());
    let (smallest, largest) = (smallest.unwrap_or(0), largest.unwrap_or(0));
    say!("model", "in all orders of all steps: {smallest} at least, {largest} at most");
    Ok(Evidence::new()
        .fact("smallest sum in any order", smallest)
        .fact("largest sum in any order", largest)
        .fact("sum of the threads that were led there", led))
}

// ANCHOR: search
/// A thread: how many updates it has finished, and what it has read for the next one.
type Thread = (u32, Option<u32>);

/// Every sum that some order of the steps leads to.
fn every_sum() -> BTreeSet<u32> {
    let mut sums = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<(u32, [Thread; 2])> = vec![(0, [(0, None); 2])];
    while let Some((counter, threads)) = waiting.pop() {
        if threads.iter().all(|(done, _)| *done == UPDATES) {
            sums.insert(counter);
        }
        for who in 0..2 {
            let (mut counter, mut after) = (counter, threads);
            after[who] = match threads[who] {
                (UPDATES, _) => continue,
                (done, None) => (done, Some(counter)), // It reads.
                (done, Some(read)) => {
                    counter = read + 1; // It writes.
                    (done + 1, None)
                }
            };
            if seen.insert((counter, after)) {
                waiting.push((counter, after));
            }
        }
    }
    sums
}
// ANCHOR_END: search

// ANCHOR: led
/// Two threads take turns in the order that ends with the smallest sum.
fn led_to_the_smallest() -> Result<u32> {
    let (counter, turn) = (AtomicU32::new(0), Barrier::new(2));
    let read = |me| {
        let read = counter.load(Relaxed);
        say!(me, "reads {read}");
        read
    };
    let write = |me, value| {
        counter.store(value, Relaxed);
        say!(me, "writes {value}");
    };
    let add = |me, times| {
        for _ in 0..times {
            counter.store(counter.load(Relaxed) + 1, Relaxed);
        }
        say!(me, "adds 1 to it {times} times: {}", counter.load(Relaxed));
    };
    let first = || {
        let old = read("first");
        let holds = span!("first", "has {old} in a register meanwhile");
        turn.wait(); // The other adds all its ones but the last.
        turn.wait();
        drop(holds);
        write("first", old + 1);
        turn.wait(); // The other reads what was just written.
        turn.wait();
        add("first", UPDATES - 1);
        turn.wait();
    };
    let second = || {
        turn.wait();
        add("second", UPDATES - 1);
        turn.wait();
        turn.wait();
        let old = read("second");
        let holds = span!("second", "has {old} in a register meanwhile");
        turn.wait();
        turn.wait();
        drop(holds);
        write("second", old + 1);
    };
    side_by_side(first, second)?;
    Ok(counter.into_inner())
}
// ANCHOR_END: led
