//! A value of two words is written word by word. A reader that comes between them sees half of the
//! old value and half of the new: a value that nobody ever wrote.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::side_by_side::{Meeting, on_its_own_cpu, side_by_side};

pub const EXPERIMENT: Experiment = Experiment {
    name: "torn-read",
    question: "Can a reader see a value that nobody wrote?",
    claims: &["sharing-needs-synchronisation"],
    run,
};

const OLD: u128 = u64::MAX as u128;
const NEW: u128 = OLD + 1;

fn run(lab: &Lab) -> Result<Evidence> {
    say!("main", "two words, from {OLD} to {NEW}");
    let rounds = lab.by_effort(100, 200, 2000);
    let (torn, example) = forced(rounds)?;
    match example {
        Some(example) => {
            say!("main", "read between its two words, {torn} of {rounds} times it is {example}");
        }
        None => say!("main", "read between its two words, it is old or new, {rounds} times"),
    }

    let writes = lab.by_effort(500_000, 1_000_000, 20_000_000);
    let (torn_by_chance, reads) = left_to_chance(writes)?;
    let share = torn_by_chance as f64 * 100.0 / reads as f64;
    say!("main", "left to chance, {torn_by_chance} of {reads} reads are torn: {share:.1} %");

    let kept_out = with_mutex_forced(rounds)?;
    say!("main", "in a Mutex, {kept_out} of {rounds} readers find it locked half way");
    let (torn_in_mutex, locked_reads) = with_mutex(writes / 10)?;
    say!("main", "in a Mutex, {torn_in_mutex} of {locked_reads} reads are torn");
    Ok(Evidence::new()
        .fact("forced reads", rounds)
        .fact("torn reads, forced", torn)
        .measured("reads left to chance", reads, "reads")
        .measured("torn reads, left to chance", share, "%")
        .fact("readers kept out by a Mutex", kept_out)
        .fact("torn reads with a Mutex", torn_in_mutex))
}

// ANCHOR: two-words
/// A number of 128 bits in two words of 64, for a CPU that writes 64 bits at a time.
#[derive(Default)]
struct TwoWords {
    high: AtomicU64,
    low: AtomicU64,
}

impl TwoWords {
    fn write(&self, value: u128, in_the_middle: impl Fn()) {
        self.low.store(value as u64, Relaxed);
        in_the_middle();
        self.high.store((value >> 64) as u64, Relaxed);
    }

    fn read(&self) -> u128 {
        u128::from(self.high.load(Relaxed)) << 64 | u128::from(self.low.load(Relaxed))
    }
}
// ANCHOR_END: two-words

// ANCHOR: forced
/// The writer stops between the two words until the reader has read. Returns how many reads were
/// torn, and the last of them.
fn forced(rounds: usize) -> Result<(usize, Option<u128>)> {
    let (number, meet) = (TwoWords::default(), Barrier::new(2));
    let write = || {
        for _ in 0..rounds {
            number.write(OLD, || ());
            number.write(NEW, || {
                meet.wait(); // One word is new, the other old.
                meet.wait(); // The reader has read.
            });
        }
    };
    let read = || {
        let (mut torn, mut example) = (0, None);
        for _ in 0..rounds {
            meet.wait();
            let seen = number.read();
            meet.wait();
            if seen != OLD && seen != NEW {
                (torn, example) = (torn + 1, Some(seen));
            }
        }
        (torn, example)
    };
    side_by_side(write, read).map(|((), torn)| torn)
}
// ANCHOR_END: forced

/// The writer writes as often as it can, the reader reads. Returns torn reads, and all.
fn left_to_chance(writes: usize) -> Result<(usize, usize)> {
    let number = TwoWords::default();
    number.write(OLD, || ());
    while_writing(writes, |value| number.write(value, || ()), || number.read())
}

/// The same with a lock around the two words.
fn with_mutex(writes: usize) -> Result<(usize, usize)> {
    let number = Mutex::new(OLD);
    let lock = || number.lock().expect("nobody panics while holding the lock");
    while_writing(writes, |value| *lock() = value, || *lock())
}

/// Reads while another thread writes; returns torn reads, and all.
fn while_writing(
    writes: usize,
    write: impl Fn(u128) + Sync,
    read: impl Fn() -> u128,
) -> Result<(usize, usize)> {
    let (start, done) = (Meeting::default(), AtomicBool::new(false));
    let writer = || {
        let _pinned = on_its_own_cpu(0);
        start.wait(0);
        for round in 0..writes {
            write(if round % 2 == 0 { NEW } else { OLD });
        }
        done.store(true, Relaxed);
    };
    let reader = || {
        let _pinned = on_its_own_cpu(1);
        start.wait(0);
        let (mut torn, mut reads) = (0, 0);
        while reads == 0 || !done.load(Relaxed) {
            let seen = std::hint::black_box(read());
            reads += 1;
            torn += usize::from(seen != OLD && seen != NEW);
        }
        (torn, reads)
    };
    side_by_side(writer, reader).map(|((), reads)| reads)
}

/// The writer stops half way again, but inside the lock: how many readers find it taken.
fn with_mutex_forced(rounds: usize) -> Result<usize> {
    let (number, meet) = (Mutex::new(TwoWords::default()), Barrier::new(2));
    let write = || {
        for _ in 0..rounds {
            let number = number.lock().expect("nobody panics while holding the lock");
            number.write(NEW, || {
                meet.wait();
                meet.wait();
            });
        }
    };
    let read = || {
        let mut kept_out = 0;
        for _ in 0..rounds {
            meet.wait();
            kept_out += usize::from(number.try_lock().is_err());
            meet.wait();
        }
        kept_out
    };
    side_by_side(write, read).map(|((), kept_out)| kept_out)
}
