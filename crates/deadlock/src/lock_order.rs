//! Two threads take the same two locks in opposite order.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say, span};

use crate::named::{Named, cycle};
use crate::watch::watch;

pub const EXPERIMENT: Experiment = Experiment {
    name: "lock-order",
    question: "What happens when two threads take two locks in opposite order?",
    claims: &["deadlock-freezes"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let (a, b) = (Named::new("account A", 100), Named::new("account B", 100));
    let (each_holds_one, done) = (Barrier::new(2), AtomicUsize::new(0));
    let teller = |me, from: &Named<i64>, to: &Named<i64>| {
        transfer(me, from, to, &each_holds_one);
        done.fetch_add(1, SeqCst);
    };
    let outcome = watch(
        true,
        &[
            ("teller-1", &|me| teller(me, &a, &b)),
            ("teller-2", &|me| teller(me, &b, &a)),
            ("clock", &|me| tick(me, &done)),
        ],
    )?;
    match outcome.in_cycle {
        0 => say!("main", "nobody froze, and its process ended by itself"),
        _ => say!("main", "its process had to end: there is no other way to free them"),
    }

    let runs = lab.by_effort(10, 20, 1000);
    let mut frozen = 0;
    for _ in 0..runs {
        frozen += usize::from(without_rendezvous()? > 0);
    }
    let so = what_a_test_sees(frozen, runs);
    say!("main", "without the rendezvous {frozen} of {runs} runs froze: {so}");
    Ok(Evidence::new()
        .fact("threads in the cycle", outcome.in_cycle)
        .fact("threads that went on", outcome.went_on)
        .fact("runs without a rendezvous", runs)
        .measured("runs that froze without a rendezvous", frozen, "runs"))
}

fn what_a_test_sees(frozen: usize, runs: usize) -> &'static str {
    match frozen {
        0 => "tests stay green",
        _ if frozen == runs => "a test would see it",
        _ if 2 * frozen > runs => "more often than not",
        _ => "now and then",
    }
}

// ANCHOR: transfer
/// Moves money; the caller's order of accounts becomes the order of locks.
fn transfer(me: &'static str, from: &Named<i64>, to: &Named<i64>, meet: &Barrier) {
    let mut source = from.lock(me);
    let holds = span!(me, "holds {}", from.name());
    *source -= 10;
    meet.wait(); // Each holds its first lock.

    let waits = span!(me, "waits for {}", to.name());
    let mut target = to.lock(me);
    drop(waits);
    *target += 10;
    drop(holds);
}
// ANCHOR_END: transfer

/// So often the third thread ticks beside those that are frozen.
const TICKS: u32 = 3;

/// A third thread that needs neither lock.
fn tick(me: &'static str, tellers_done: &AtomicUsize) {
    let mut ticks = 0;
    while ticks < TICKS && tellers_done.load(SeqCst) < 2 {
        thread::sleep(Duration::from_millis(1));
        ticks += u32::from(cycle().is_some());
    }
    match ticks {
        0 => say!(me, "ends: no teller was frozen"),
        _ => say!(me, "goes on: ticked {ticks} times while the tellers were frozen"),
    }
}

/// One transfer in each direction, started at the same time and left to luck.
fn without_rendezvous() -> Result<usize> {
    let (a, b) = (Named::new("account A", 100), Named::new("account B", 100));
    let quiet = |me, from: &Named<i64>, to: &Named<i64>| {
        let (mut source, mut target) = (from.lock(me), to.lock(me));
        *source -= 10;
        *target += 10;
    };
    let parts: [crate::watch::Part<'_>; 2] =
        [("teller-1", &|me| quiet(me, &a, &b)), ("teller-2", &|me| quiet(me, &b, &a))];
    Ok(watch(false, &parts)?.in_cycle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_sees_what_freezes_in_every_run() {
        let said = [0, 3, 11, 20].map(|frozen| what_a_test_sees(frozen, 20));
        let should =
            ["tests stay green", "now and then", "more often than not", "a test would see it"];
        assert_eq!(said, should);
    }
}
