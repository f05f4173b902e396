//! Two threads take the same two locks in opposite order.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
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
    let each_holds_one = Barrier::new(2);
    let outcome = watch(
        true,
        &[
            ("teller-1", &|me| transfer(me, &a, &b, &each_holds_one)),
            ("teller-2", &|me| transfer(me, &b, &a, &each_holds_one)),
            ("clock", &tick),
        ],
    )?;
    say!("main", "its process had to end: no thread that waits for a mutex can be called off");
    ensure!(outcome.in_cycle == 2, "two locks in opposite order did not freeze the tellers");

    let runs = lab.by_effort(10, 20, 1000);
    let mut frozen = 0;
    for _ in 0..runs {
        frozen += usize::from(without_rendezvous()? > 0);
    }
    say!("main", "without the rendezvous {frozen} of {runs} runs froze: a test hardly shows it");
    Ok(Evidence::new()
        .fact("threads in the cycle", outcome.in_cycle)
        .fact("threads that went on", outcome.went_on)
        .fact("runs without a rendezvous", runs)
        .fact("runs that froze without a rendezvous", frozen))
}

// ANCHOR: transfer
/// Moves money; the caller's order of accounts becomes the order of locks.
fn transfer(me: &'static str, from: &Named<i64>, to: &Named<i64>, meet: &Barrier) {
    let mut source = from.lock(me);
    let _first = span!(me, "holds {}", from.name());
    meet.wait(); // Each holds its first lock.

    let waits = span!(me, "waits for {}", to.name());
    let mut target = to.lock(me);
    drop(waits);
    let _second = span!(me, "holds {}", to.name());
    *source -= 10;
    *target += 10;
}
// ANCHOR_END: transfer

/// A third thread that needs neither lock.
fn tick(me: &'static str) {
    let mut ticks = 0;
    while cycle().is_none() || ticks < 3 {
        thread::sleep(Duration::from_millis(1));
        ticks += u32::from(cycle().is_some());
    }
    say!(me, "goes on: ticked {ticks} times while the tellers were frozen");
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
