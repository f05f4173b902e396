//! Three threads work on one stream of numbers, by channels and by locks.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, mpsc};
use std::time::Duration;

use anyhow::Result;
use crossbeam::channel;
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say, say_why};

pub const EXPERIMENT: Experiment = Experiment {
    name: "pipeline",
    question: "The same job by channels and by locks: what differs?",
    claims: &[],
    run,
};

const NUMBERS: u64 = 2_000;
const ROOM: usize = 64;

/// What the middle does to a number.
fn changed(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)
}

/// A number that depends on every number and on their order (FNV-1a).
fn mix(sum: u64, number: u64) -> u64 {
    (sum ^ number).wrapping_mul(0x100_0000_01b3)
}

fn run(lab: &Lab) -> Result<Evidence> {
    // Threads inherit the CPU, so that all three ways have the same place to run.
    let _pinned = Pinned::to(allowed_cpus()[0])?;
    let alone = (0..NUMBERS).map(changed).fold(0, mix);
    let sums = [by_std()?, by_crossbeam()?, by_locks()?];
    let same = sums.iter().all(|sum| *sum == alone);
    let words = if same { "each gives" } else { "not all give" };
    say!("main", "{NUMBERS} numbers go through three threads, in three ways");
    say!("main", "{words} the same sum as one thread alone");

    let ran = |sum: Result<u64>| sum.map(drop);
    let (rounds, batch) = (lab.by_effort(5, 15, 60), Duration::from_millis(1));
    let measured = Rounds::measure(
        rounds,
        batch,
        &mut [
            Contestant::new("pipeline by locks", || ran(by_locks())),
            Contestant::new("pipeline by std", || ran(by_std())),
            Contestant::new("pipeline by crossbeam", || ran(by_crossbeam())),
        ],
    )?;
    say!("main", "a run, threads included, in microseconds:");
    for (index, name) in ["locks", "std's channels", "crossbeam's"].into_iter().enumerate() {
        let took = measured.microseconds(index);
        say!("main", "  {name:<16}{:>9.0} µs  ({took})", took.median);
    }
    let ratios = [measured.compare(1, 0), measured.compare(2, 0)];
    match measured.doubt() {
        Some(why) => say_why!("main", "not to be compared here: {why}"),
        None => {
            let [std, crossbeam] = ratios.each_ref().map(|comparison| comparison.ratio);
            say!("main", "std's take {std} times as long as locks,");
            say!("main", "crossbeam's {crossbeam} times (p10 to p90)");
        }
    }
    Ok(Evidence::new()
        .fact("pipeline: all three give what one thread gives", same)
        .compared("pipeline: std / locks", &ratios[0])
        .compared("pipeline: crossbeam / locks", &ratios[1]))
}

// ANCHOR: channels
fn by_std() -> Result<u64> {
    let (produced, to_change) = mpsc::sync_channel(ROOM);
    let (made, to_sum) = mpsc::sync_channel(ROOM);
    std::thread::scope(|threads| {
        spawn(threads, "producer", move || {
            (0..NUMBERS).try_for_each(|number| produced.send(number))
        })?;
        spawn(threads, "changer", move || {
            to_change.iter().try_for_each(|number| made.send(changed(number)))
        })?;
        Ok(to_sum.iter().fold(0, mix))
    })
}
// ANCHOR_END: channels

fn by_crossbeam() -> Result<u64> {
    let (produced, to_change) = channel::bounded(ROOM);
    let (made, to_sum) = channel::bounded(ROOM);
    std::thread::scope(|threads| {
        spawn(threads, "producer", move || {
            (0..NUMBERS).try_for_each(|number| produced.send(number))
        })?;
        spawn(threads, "changer", move || {
            to_change.iter().try_for_each(|number| made.send(changed(number)))
        })?;
        Ok(to_sum.iter().fold(0, mix))
    })
}

// ANCHOR: locks
fn by_locks() -> Result<u64> {
    let (produced, made) = (Queue::default(), Queue::default());
    std::thread::scope(|threads| {
        spawn(threads, "changer", || {
            while let Some(number) = produced.take() {
                made.put(Some(changed(number)));
            }
            made.put(None);
        })?;
        let producer = spawn(threads, "producer", || {
            (0..NUMBERS).for_each(|number| produced.put(Some(number)));
            produced.put(None);
        });
        if producer.is_err() {
            produced.put(None); // The changer waits, and must be told.
        }
        producer?;
        Ok(std::iter::from_fn(|| made.take()).fold(0, mix))
    })
}

/// Numbers, and `None` for the end, which here must be said.
#[derive(Default)]
struct Queue {
    items: Mutex<VecDeque<Option<u64>>>,
    filled: Condvar,
    emptied: Condvar,
}

impl Queue {
    fn put(&self, item: Option<u64>) {
        let items = self.items.lock().expect("nobody panics while holding it");
        let full = |items: &mut VecDeque<_>| items.len() == ROOM;
        let mut items = self.emptied.wait_while(items, full).expect("as above");
        items.push_back(item);
        self.filled.notify_one();
    }

    fn take(&self) -> Option<u64> {
        let items = self.items.lock().expect("nobody panics while holding it");
        let empty = |items: &mut VecDeque<_>| items.is_empty();
        let mut items = self.filled.wait_while(items, empty).expect("as above");
        let item = items.pop_front().flatten();
        self.emptied.notify_one();
        item
    }
}
// ANCHOR_END: locks
