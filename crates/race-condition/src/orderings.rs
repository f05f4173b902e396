//! Write the data, then raise the flag: with a Relaxed flag a reader may see the flag and not the
//! data. Where this CPU can't show it, a model searches all that a weaker one may do.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{self, Acquire, Relaxed, Release, SeqCst},
};
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::sample::{Pinned, allowed_cpus};
use lab::{Evidence, Experiment, Lab, say, say_why};

use crate::side_by_side::{Meeting, side_by_side};
use crate::store_buffer::{Order, Schedule, Step, explore};

pub const EXPERIMENT: Experiment = Experiment {
    name: "orderings",
    question: "The flag is up. Is the data there?",
    claims: &[],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let relaxed = publication(Order::Relaxed);
    tell("flag stored with Relaxed, seen without data", ["writer", "reader"], &relaxed);
    let release = publication(Order::Release);
    tell("flag stored with Release, seen without data", ["writer", "reader"], &release);
    let both_zero = store_buffering(Order::Release);
    tell("stores with Release, neither sees the other's", ["first", "second"], &both_zero);
    let with_seq_cst = store_buffering(Order::SeqCst);
    tell("stores with SeqCst, neither sees the other's", ["first", "second"], &with_seq_cst);

    let evidence = Evidence::new()
        .fact("model: Relaxed flag without data", relaxed.is_some())
        .fact("model: Release flag without data", release.is_some())
        .fact("model: Release, both see no flag", both_zero.is_some())
        .fact("model: SeqCst, both see no flag", with_seq_cst.is_some());
    here(lab, evidence)
}

// ANCHOR: model
/// How a reader can see the flag and not the data, if it can.
fn publication(flag: Order) -> Option<Schedule> {
    let data = Step::Store("data", 42, Order::Relaxed);
    let writer = [data, Step::Store("flag", 1, flag)];
    let reader = [Step::Load("flag"), Step::Load("data")];
    explore([&writer, &reader]).remove(&vec![1, 0])
}

/// How two threads that announce themselves can overlook each other, if they can.
fn store_buffering(order: Order) -> Option<Schedule> {
    let first = [Step::Store("x", 1, order), Step::Load("y")];
    let second = [Step::Store("y", 1, order), Step::Load("x")];
    explore([&first, &second]).remove(&vec![0, 0])
}
// ANCHOR_END: model

/// Says how it can happen, or that it can't.
fn tell(what: &str, names: [&'static str; 2], schedule: &Option<Schedule>) {
    let Some(schedule) = schedule else {
        return say!("model", "{what}: in no schedule");
    };
    say!("model", "{what}:");
    for (who, what) in schedule {
        say!(names[*who], "{what}");
    }
}

/// The same on this CPU, by chance.
fn here(lab: &Lab, evidence: Evidence) -> Result<Evidence> {
    let cpus = allowed_cpus();
    let [one, other, ..] = cpus[..] else {
        let why = "one CPU sees its own stores in order: two are needed to look here";
        say_why!("here", "{why}");
        return Ok(HERE.into_iter().fold(evidence, |all, name| all.missing(name, why)));
    };
    let publish = |turn, data: &AtomicU32, flag: &AtomicU32, order| match turn {
        0 => {
            data.store(42, Relaxed);
            flag.store(1, order);
            0
        }
        _ => 10 * flag.load(Acquire) + u32::from(data.load(Relaxed) == 42),
    };
    let announce = |turn, x: &AtomicU32, y: &AtomicU32, order| {
        let (mine, theirs) = if turn == 0 { (x, y) } else { (y, x) };
        mine.store(1, order);
        theirs.load(if order == SeqCst { SeqCst } else { Acquire })
    };
    let cpus = [one, other];
    let early = count(lab, |seen| *seen == (0, 10), || race(cpus, Relaxed, publish))?;
    let release = count(lab, |seen| *seen == (0, 0), || race(cpus, Release, announce))?;
    let seq_cst = count(lab, |seen| *seen == (0, 0), || race(cpus, SeqCst, announce))?;
    let cpu = std::env::consts::ARCH;
    say!("here", "{cpu}, Relaxed flag without data: {} of {} times", early.0, early.1);
    say!("here", "{cpu}, Release, both see no flag: {} of {} times", release.0, release.1);
    say!("here", "{cpu}, SeqCst, both see no flag: {} of {} times", seq_cst.0, seq_cst.1);
    let counts = [early.0, release.0, seq_cst.0].into_iter().zip([early.1, release.1, seq_cst.1]);
    Ok(HERE.into_iter().zip(counts).fold(evidence, |all, (name, (found, rounds))| {
        all.measured(name, found, "times").measured(&format!("{name}: of"), rounds, "rounds")
    }))
}

/// What is looked for on this CPU.
const HERE: [&str; 3] = [
    "here: Relaxed flag without data",
    "here: Release, both see no flag",
    "here: SeqCst, both see no flag",
];

/// What the two sides saw in one round.
type Seen = (u32, u32);

/// Races until there were enough rounds, or the time is up where others want the CPUs too. Returns
/// in how many rounds the two saw what is looked for, and in how many they raced.
fn count(
    lab: &Lab,
    wanted: fn(&Seen) -> bool,
    race: impl Fn() -> Result<Vec<Seen>>,
) -> Result<(usize, usize)> {
    let enough = lab.by_effort(5_000, 50_000, 1_000_000);
    let end = Instant::now() + Duration::from_millis(lab.by_effort(50, 200, 5_000));
    let (mut found, mut rounds) = (0, 0);
    while rounds < enough && (rounds == 0 || Instant::now() < end) {
        let seen = race()?;
        rounds += seen.len();
        found += seen.into_iter().filter(wanted).count();
    }
    Ok((found, rounds))
}

/// Runs two sides a thousand times, on fresh memory; each time both start together.
fn race(
    cpus: [usize; 2],
    order: Ordering,
    side: impl Fn(usize, &AtomicU32, &AtomicU32, Ordering) -> u32 + Sync,
) -> Result<Vec<Seen>> {
    let cells: Vec<[Line; 2]> = (0..1000).map(|_| Default::default()).collect();
    let meeting = Meeting::default();
    let run = |turn: usize| -> Vec<u32> {
        let _pinned = Pinned::to(cpus[turn]);
        let mut seen = Vec::with_capacity(cells.len());
        for (round, [x, y]) in cells.iter().enumerate() {
            meeting.wait(round);
            seen.push(side(turn, &x.0, &y.0, order));
        }
        seen
    };
    let (first, second) = side_by_side(|| run(0), || run(1))?;
    Ok(first.into_iter().zip(second).collect())
}

/// A place with a cache line of its own.
#[derive(Default)]
#[repr(align(64))]
struct Line(AtomicU32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_publishes_and_relaxed_does_not() {
        assert!(publication(Order::Relaxed).is_some());
        assert!(publication(Order::Release).is_none());
        assert!(publication(Order::SeqCst).is_none());
    }

    #[test]
    fn only_seq_cst_keeps_a_store_before_a_later_load() {
        assert!(store_buffering(Order::Relaxed).is_some());
        assert!(store_buffering(Order::Release).is_some());
        assert!(store_buffering(Order::SeqCst).is_none());
    }
}
