//! A thread panics half way through a change. Who learns that the value is half done?

use std::sync::Mutex;
use std::thread;

use anyhow::{Result, ensure};
use lab::child::explain;
use lab::thread::traced;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;

pub const EXPERIMENT: Experiment = Experiment {
    name: "poison",
    question: "What does the next one find after a panic under the lock?",
    claims: &[],
    run,
};

/// Two balances, and what they hold together whenever the lock is free.
type Accounts = [i64; 2];
const BALANCES: Accounts = [60, 40];
const TOGETHER: i64 = BALANCES[0] + BALANCES[1];

fn run(_: &Lab) -> Result<Evidence> {
    let lock = Mutex::new(BALANCES);
    panic_half_way(|| {
        let mut accounts = lock.lock().expect("it is not poisoned yet");
        break_down_between(&mut accounts)
    })?;
    // ANCHOR: std
    let (answer, mut accounts) = match lock.lock() {
        Ok(guard) => ("Ok", guard),
        Err(poisoned) => ("PoisonError", poisoned.into_inner()),
    };
    let found: i64 = accounts.iter().sum();
    accounts[1] = TOGETHER - accounts[0];
    let repaired: i64 = accounts.iter().sum();
    drop(accounts);
    lock.clear_poison();
    // ANCHOR_END: std
    say!("next", "std: lock() answers {answer}; the sum is {found}, should be {TOGETHER}");
    let again = if lock.lock().is_ok() { "Ok" } else { "PoisonError" };
    say!("next", "repairs the sum to {repaired}, and then lock() answers {again}");

    let accounts = parking_lot::Mutex::new(BALANCES);
    panic_half_way(|| break_down_between(&mut accounts.lock()))?;
    let unnoticed = accounts.lock().iter().sum::<i64>();
    say!("next", "parking_lot: lock() gives the guard; the sum is {unnoticed}");
    Ok(Evidence::new()
        .fact("std's answer after a panic", answer)
        .fact("sum behind std's lock", found)
        .fact("std's answer after the repair", again)
        .fact("sum that parking_lot hands out", unnoticed))
}

/// Takes money from one account and never gets to give it to the other.
fn break_down_between(accounts: &mut Accounts) {
    let before = accounts[0];
    accounts[0] -= 50;
    say!("mover", "has taken {} from one account, and panics", before - accounts[0]);
    // Like `panic!`, but without the message on standard error.
    std::panic::resume_unwind(Box::new("half way"));
}

/// Runs `body` in a thread that panics.
fn panic_half_way(body: impl FnOnce() + Send) -> Result<()> {
    thread::scope(|threads| {
        let thread = thread::Builder::new()
            .spawn_scoped(threads, traced(body))
            .map_err(|_| explain("thread")(Errno::EAGAIN))?;
        ensure!(thread.join().is_err(), "the thread did not panic");
        Ok(())
    })
}
