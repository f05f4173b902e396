//! Two threads add 1 to a counter. Each reads it, adds, and writes it back; if both read before
//! one of them writes, one of the two updates is lost.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::side_by_side::side_by_side;

pub const EXPERIMENT: Experiment = Experiment {
    name: "lost-update",
    question: "Two threads add 1. Why is the sum sometimes 1?",
    claims: &["sharing-needs-synchronisation"],
    run,
};

const TRIALS: usize = 5;

fn run(lab: &Lab) -> Result<Evidence> {
    one_round_step_by_step()?;

    let rounds: u64 = lab.by_effort(100, 200, 2000);
    let is = forced(rounds)?;
    say!("main", "{rounds} forced rounds: should be {}, is {is}", 2 * rounds);
    let lost_forced = 2 * rounds - is;

    let times: u64 = lab.by_effort(1_000_000, 5_000_000, 50_000_000);
    let should = 2 * times;
    let (mut trials_with_loss, mut worst) = (0, 0.0_f64);
    for trial in 1..=TRIALS {
        let is = left_to_chance(times)?;
        say!("main", "left to chance, trial {trial}: should be {should}, is {is}");
        trials_with_loss += usize::from(is < should);
        worst = worst.max((should - is) as f64 * 100.0 / should as f64);
    }
    say!(
        "main",
        "lost something in {trials_with_loss} of {TRIALS} trials: a good run proves nothing"
    );

    let times = times / 10;
    let should = 2 * times;
    let (atomic, locked) = (with_fetch_add(times)?, with_mutex(times)?);
    say!("main", "with fetch_add: should be {should}, is {atomic}");
    say!("main", "with a Mutex: should be {should}, is {locked}");
    Ok(Evidence::new()
        .fact("updates in forced rounds", 2 * rounds)
        .fact("updates lost in forced rounds", lost_forced)
        .fact("trials left to chance", TRIALS)
        .fact("trials that lost updates", trials_with_loss)
        .measured("most updates lost in a trial", worst, "%")
        .fact("updates lost with fetch_add", should - atomic)
        .fact("updates lost with a Mutex", should - locked))
}

/// The reader can follow this one: barriers put the four steps into the bad order.
fn one_round_step_by_step() -> Result<()> {
    let (counter, step) = (AtomicU64::new(0), Barrier::new(2));
    let first = || {
        let seen = counter.load(Relaxed);
        say!("first", "reads {seen}");
        step.wait();
        step.wait();
        counter.store(seen + 1, Relaxed);
        say!("first", "writes {}", seen + 1);
        step.wait();
    };
    let second = || {
        step.wait();
        let seen = counter.load(Relaxed);
        say!("second", "reads {seen}");
        step.wait();
        step.wait();
        counter.store(seen + 1, Relaxed);
        say!("second", "writes {}", seen + 1);
    };
    side_by_side(first, second)?;
    say!("main", "two updates: should be 2, is {}", counter.load(Relaxed));
    Ok(())
}

// ANCHOR: forced
/// Every round the two threads meet between the read and the write.
fn forced(rounds: u64) -> Result<u64> {
    let (counter, meet) = (AtomicU64::new(0), Barrier::new(2));
    let add = || {
        for _ in 0..rounds {
            let seen = counter.load(Relaxed);
            meet.wait(); // Both have read, nobody has written.
            counter.store(seen + 1, Relaxed);
            meet.wait(); // Both have written: the round is over.
        }
    };
    side_by_side(add, add)?;
    Ok(counter.into_inner())
}
// ANCHOR_END: forced

// ANCHOR: chance
fn left_to_chance(times: u64) -> Result<u64> {
    let (counter, start) = (AtomicU64::new(0), Barrier::new(2));
    let add = || {
        start.wait();
        for _ in 0..times {
            // What `counter += 1` is made of. `black_box` keeps the compiler
            // from making one addition out of a million.
            let seen = black_box(counter.load(Relaxed));
            counter.store(seen + 1, Relaxed);
        }
    };
    side_by_side(add, add)?;
    Ok(counter.into_inner())
}
// ANCHOR_END: chance

/// Read, add and write in one step that nobody can come between.
fn with_fetch_add(times: u64) -> Result<u64> {
    let (counter, start) = (AtomicU64::new(0), Barrier::new(2));
    let add = || {
        start.wait();
        for _ in 0..times {
            counter.fetch_add(1, Relaxed);
        }
    };
    side_by_side(add, add)?;
    Ok(counter.into_inner())
}

/// Three steps, and a lock that keeps the other thread out from the first to the last.
fn with_mutex(times: u64) -> Result<u64> {
    let (counter, start) = (Mutex::new(0), Barrier::new(2));
    let add = || {
        start.wait();
        for round in 0..times {
            let mut counter = counter.lock().expect("nobody panics while holding the lock");
            let seen = *counter;
            if round % 4096 == 0 {
                // Offers the CPU to the other thread at the worst moment.
                std::thread::yield_now();
            }
            *counter = seen + 1;
        }
    };
    side_by_side(add, add)?;
    Ok(counter.into_inner().expect("nobody panicked while holding the lock"))
}
