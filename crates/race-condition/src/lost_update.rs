//! Two threads add 1 to a counter. Each reads it, adds, and writes it back; if both read before
//! one of them writes, one of the two updates is lost.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::side_by_side::{Meeting, on_its_own_cpu, side_by_side};

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
    let updates = 2 * rounds;
    let three_steps = forced(rounds)?;
    let one_step = forced_with_fetch_add(rounds)?;
    say!("main", "{rounds} forced rounds: should be {updates}, is {three_steps}");
    say!("main", "{rounds} forced rounds with fetch_add: should be {updates}, is {one_step}");

    let times: u64 = lab.by_effort(1_000_000, 5_000_000, 50_000_000);
    let should = 2 * times;
    let (mut with_loss, mut worst) = (0, 0.0_f64);
    let (mut bursts, mut fastest) = (0, Duration::MAX);
    for trial in 1..=TRIALS {
        let Trial { is, bursts: seen, took } = left_to_chance(times)?;
        fastest = fastest.min(took);
        let each = should / (seen + 1);
        say!("main", "trial {trial}: should be {should}, is {is}, bursts of {each}");
        with_loss += usize::from(is < should);
        worst = worst.max((should - is) as f64 * 100.0 / should as f64);
        bursts += seen;
    }
    let so = what_trials_prove(with_loss);
    say!("main", "lost something in {with_loss} of {TRIALS} trials{so}");

    let locked = with_mutex(times / 10)?;
    say!("main", "with a Mutex: should be {}, is {locked}", should / 10);
    let reads = times / 10;
    let wrong = only_read(reads)?;
    say!("main", "nobody writes: {wrong} of {} reads find another value", 2 * reads);
    let updates_by_chance = should * TRIALS as u64;
    Ok(Evidence::new()
        .fact("updates in forced rounds", updates)
        .fact("updates lost in forced rounds", updates - three_steps)
        .fact("updates lost with fetch_add", updates - one_step)
        .fact("trials left to chance", TRIALS)
        .measured("trials that lost updates", with_loss, "trials")
        .measured("most updates lost in a trial", worst, "%")
        .measured("updates in a burst", updates_by_chance / (bursts + TRIALS as u64), "updates")
        .measured("an update, at best", fastest.as_nanos() as f64 / times as f64, "ns")
        .fact("updates lost with a Mutex", should / 10 - locked)
        .fact("reads of data that nobody writes", 2 * reads)
        .fact("wrong reads of data that nobody writes", wrong))
}

/// Good runs beside bad ones prove that a good one proves nothing. Where all are alike, nobody saw that.
fn what_trials_prove(with_loss: usize) -> &'static str {
    match with_loss {
        0 | TRIALS => "",
        _ => ": a good run proves nothing",
    }
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

/// The same rounds, but reading and writing are one step that nobody can come between.
fn forced_with_fetch_add(rounds: u64) -> Result<u64> {
    let (counter, meet) = (AtomicU64::new(0), Barrier::new(2));
    let add = || {
        for _ in 0..rounds {
            let _seen = counter.fetch_add(1, Relaxed);
            meet.wait();
            meet.wait();
        }
    };
    side_by_side(add, add)?;
    Ok(counter.into_inner())
}

/// What became of a trial.
struct Trial {
    /// The sum.
    is: u64,
    /// How often a thread found another number than the one it had written last.
    bursts: u64,
    /// By the thread that was done sooner.
    took: Duration,
}

// ANCHOR: chance
fn left_to_chance(times: u64) -> Result<Trial> {
    let (counter, start) = (AtomicU64::new(0), Meeting::default());
    let add = |side| {
        let _pinned = on_its_own_cpu(side);
        let (mut mine, mut bursts) = (0, 0);
        start.wait(0);
        let begin = Instant::now();
        for _ in 0..times {
            // What `counter += 1` is made of. `black_box` keeps the compiler
            // from making one addition out of a million.
            let seen = black_box(counter.load(Relaxed));
            bursts += u64::from(seen != mine); // The other one has been here.
            mine = seen + 1;
            counter.store(mine, Relaxed);
        }
        (bursts, begin.elapsed())
    };
    let ((first, one), (second, other)) = side_by_side(|| add(0), || add(1))?;
    Ok(Trial { is: counter.into_inner(), bursts: first + second, took: one.min(other) })
}
// ANCHOR_END: chance

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

/// Two threads share data that nobody writes, without any synchronisation; returns how often one
/// of them found another value than the one that was there before they started.
fn only_read(times: u64) -> Result<u64> {
    let (data, start) = (vec![7_u64; 8], Barrier::new(2));
    let look = || {
        start.wait();
        (0..times as usize).filter(|turn| black_box(&data)[turn % 8] != 7).count() as u64
    };
    side_by_side(look, look).map(|(first, second)| first + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_that_are_all_alike_prove_nothing_about_good_ones() {
        assert_eq!([0, TRIALS].map(what_trials_prove), ["", ""]);
        assert_eq!(what_trials_prove(TRIALS - 1), ": a good run proves nothing");
    }
}
