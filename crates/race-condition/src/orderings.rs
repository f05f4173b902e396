//! Write the data, then raise the flag: with a Relaxed flag a reader may see the flag and not the
//! data. Where this CPU can't show it, a model searches all that a weaker one may do.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{self, Acquire, Relaxed, Release, SeqCst},
};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::sample::{Pinned, allowed_cpus};
use lab::{Evidence, Experiment, Lab, say};

use crate::side_by_side::{Meeting, side_by_side};
use crate::store_buffer::{Order, Outcome, Schedule, Step, explore};

pub const EXPERIMENT: Experiment = Experiment {
    name: "orderings",
    question: "The flag is up. Is the data there?",
    claims: &[],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let (relaxed, how) = publication(Order::Relaxed);
    ensure!(relaxed, "the model does not know what Relaxed allows");
    say!("model", "flag stored with Relaxed, the reader sees the flag but no data:");
    tell(["writer", "reader"], &how);
    let (release, _) = publication(Order::Release);
    say!("model", "flag stored with Release: {}", possible(release));

    let (both_zero, how) = store_buffering(Order::Release);
    ensure!(both_zero, "the model does not know what Release allows");
    say!("model", "each stores its flag with Release, then reads the other's, and sees none:");
    tell(["first", "second"], &how);
    let (with_seq_cst, _) = store_buffering(Order::SeqCst);
    say!("model", "stored with SeqCst: {}", possible(with_seq_cst));

    let evidence = Evidence::new()
        .fact("model: Relaxed flag without data", relaxed)
        .fact("model: Release flag without data", release)
        .fact("model: Release, both see no flag", both_zero)
        .fact("model: SeqCst, both see no flag", with_seq_cst);
    here(lab, evidence)
}

// ANCHOR: model
/// Whether a reader can see the flag and not the data, and how.
fn publication(flag: Order) -> (bool, Schedule) {
    let writer = [Step::Store("data", 42, Order::Relaxed), Step::Store("flag", 1, flag)];
    let reader = [Step::Load("flag"), Step::Load("data")];
    can_be(explore([&writer, &reader]), vec![1, 0])
}

/// Whether two threads that announce themselves can overlook each other, and how.
fn store_buffering(order: Order) -> (bool, Schedule) {
    let first = [Step::Store("x", 1, order), Step::Load("y")];
    let second = [Step::Store("y", 1, order), Step::Load("x")];
    can_be(explore([&first, &second]), vec![0, 0])
}
// ANCHOR_END: model

fn can_be(
    mut outcomes: std::collections::BTreeMap<Outcome, Schedule>,
    outcome: Outcome,
) -> (bool, Schedule) {
    let schedule = outcomes.remove(&outcome);
    (schedule.is_some(), schedule.unwrap_or_default())
}

fn tell(names: [&'static str; 2], schedule: &Schedule) {
    for (who, what) in schedule {
        say!(names[*who], "{what}");
    }
}

fn possible(yes: bool) -> &'static str {
    if yes { "can happen" } else { "can't happen, in no schedule" }
}

/// The same on this CPU, by chance.
fn here(lab: &Lab, evidence: Evidence) -> Result<Evidence> {
    let cpus = allowed_cpus();
    let [one, other, ..] = cpus[..] else {
        say!("here", "one CPU sees its own stores in order: two are needed to look here");
        return Ok(evidence);
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
    ensure!(seq_cst.0 == 0, "SeqCst was broken {} times", seq_cst.0);
    Ok(evidence
        .fact("here: Relaxed, rounds", early.1)
        .fact("here: Relaxed flag without data", early.0)
        .fact("here: Release, rounds", release.1)
        .fact("here: Release, both see no flag", release.0)
        .fact("here: SeqCst, rounds", seq_cst.1)
        .fact("here: SeqCst, both see no flag", seq_cst.0))
}

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
        assert!(publication(Order::Relaxed).0);
        assert!(!publication(Order::Release).0);
        assert!(!publication(Order::SeqCst).0);
    }

    #[test]
    fn only_seq_cst_keeps_a_store_before_a_later_load() {
        assert!(store_buffering(Order::Relaxed).0);
        assert!(store_buffering(Order::Release).0);
        assert!(!store_buffering(Order::SeqCst).0);
    }
}
