//! Write the data, then raise the flag: with a Relaxed flag a reader may see the flag and not the
//! data. Where this CPU can't show it, a model searches all that a weaker one may do.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{self, Acquire, Relaxed, Release, SeqCst},
};

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
    here(lab.by_effort(5_000, 50_000, 1_000_000), evidence)
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

/// The same on this CPU, by chance: each round both threads start at the same time.
fn here(rounds: usize, evidence: Evidence) -> Result<Evidence> {
    let cpus = allowed_cpus();
    let [one, other, ..] = cpus[..] else {
        say!("here", "one CPU sees its own stores in order: two are needed to look here");
        return Ok(evidence);
    };
    let architecture = std::env::consts::ARCH;
    let published =
        race([one, other], rounds, [Relaxed, Relaxed], |turn, x, y, order| match turn {
            0 => {
                x.store(42, Relaxed);
                y.store(1, order);
                0
            }
            _ => 10 * y.load(Acquire) + x.load(Relaxed),
        })?;
    let early = published.iter().filter(|(_, seen)| *seen == 10).count();
    say!("here", "{architecture}, Relaxed flag without data: {early} of {rounds} times");
    let announce = |turn, x: &AtomicU32, y: &AtomicU32, order| {
        let (mine, theirs) = if turn == 0 { (x, y) } else { (y, x) };
        mine.store(1, order);
        theirs.load(if order == SeqCst { SeqCst } else { Acquire })
    };
    let overlooked = |order| -> Result<usize> {
        let seen = race([one, other], rounds, [order; 2], announce)?;
        Ok(seen.iter().filter(|seen| **seen == (0, 0)).count())
    };
    let (release, seq_cst) = (overlooked(Release)?, overlooked(SeqCst)?);
    say!("here", "{architecture}, Release, both see no flag: {release} of {rounds} times");
    say!("here", "{architecture}, SeqCst, both see no flag: {seq_cst} of {rounds} times");
    ensure!(seq_cst == 0, "SeqCst was broken {seq_cst} times");
    Ok(evidence
        .fact("here: rounds", rounds)
        .fact("here: Relaxed flag without data", early)
        .fact("here: Release, both see no flag", release)
        .fact("here: SeqCst, both see no flag", seq_cst))
}

/// Runs two sides at the same time, each round on fresh memory; returns what they saw.
fn race(
    cpus: [usize; 2],
    rounds: usize,
    orders: [Ordering; 2],
    side: impl Fn(usize, &AtomicU32, &AtomicU32, Ordering) -> u32 + Sync,
) -> Result<Vec<(u32, u32)>> {
    let cells: Vec<[Line; 2]> = (0..rounds).map(|_| Default::default()).collect();
    let meeting = Meeting::default();
    let run = |turn: usize| -> Vec<u32> {
        let _pinned = Pinned::to(cpus[turn]);
        let mut seen = Vec::with_capacity(rounds);
        for (round, [x, y]) in cells.iter().enumerate() {
            meeting.wait(round);
            seen.push(side(turn, &x.0, &y.0, orders[turn]));
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
