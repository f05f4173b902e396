//! Not waiting for the second lock prevents the deadlock and invites the livelock: both let go,
//! both try again, in step, for ever. A random pause brings them out of step.

use std::hash::{BuildHasher, RandomState};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use lab::child::explain;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;

use crate::named::Named;

pub const EXPERIMENT: Experiment = Experiment {
    name: "try-lock",
    question: "Is it enough to give up when the second lock is taken?",
    claims: &["deadlock-freezes"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let attempts = lab.by_effort(200, 1000, 10_000);
    let in_step = both_transfer(|me, from, to, meet| {
        (1..=attempts).find(|_| try_transfer(me, from, to, Some(meet)))
    })?;
    let done = in_step.iter().flatten().count();
    say!("main", "in step: {attempts} attempts each, {done} transfers: a livelock, all are busy");

    let backed_off = both_transfer(|me, from, to, meet| {
        let mut attempt = 1;
        // The first attempt collides like those above; after it each goes its own way.
        let mut done = try_transfer(me, from, to, Some(meet));
        while !done && attempt < attempts {
            back_off(attempt);
            attempt += 1;
            done = try_transfer(me, from, to, None);
        }
        done.then_some(attempt)
    })?;
    let [Some(one), Some(two)] = backed_off else {
        bail!("a random pause did not bring the tellers out of step");
    };
    say!("main", "with a random pause: done after {one} and {two} attempts");
    Ok(Evidence::new()
        .fact("transfers in a livelock", done)
        .fact("attempts with back-off", one + two))
}

// ANCHOR: try_transfer
/// Gives up, with nothing changed, if the second lock is taken.
fn try_transfer(
    me: &'static str,
    from: &Named<i64>,
    to: &Named<i64>,
    meet: Option<&Barrier>,
) -> bool {
    let mut source = from.lock(me);
    meet.map(Barrier::wait); // Each holds its first lock.
    let second = to.try_lock(me);
    meet.map(Barrier::wait); // Each has seen the other's lock taken.
    let Some(mut target) = second else { return false };
    *source -= 10;
    *target += 10;
    true
}

/// Sleeps for a random time, of up to twice as long after each failure.
fn back_off(failures: u32) {
    let longest = 100 << failures.min(6);
    thread::sleep(Duration::from_micros(RandomState::new().hash_one(failures) % longest));
}
// ANCHOR_END: try_transfer

/// Runs `part` for both directions at the same time; each returns its attempts if it got through.
fn both_transfer(
    part: impl Fn(&'static str, &Named<i64>, &Named<i64>, &Barrier) -> Option<u32> + Sync,
) -> Result<[Option<u32>; 2]> {
    let (a, b) = (Named::new("account A", 100), Named::new("account B", 100));
    let meet = Barrier::new(2);
    thread::scope(|threads| {
        let second = thread::Builder::new()
            .spawn_scoped(threads, || part("teller-2", &b, &a, &meet))
            .map_err(|_| explain("thread")(Errno::EAGAIN))?;
        let first = part("teller-1", &a, &b, &meet);
        let second = second.join().map_err(|_| anyhow::anyhow!("teller-2 panicked"))?;
        Ok([first, second])
    })
}
