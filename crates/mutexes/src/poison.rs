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

/// Two balances, which hold 100 together whenever the lock is free.
type Accounts = [i64; 2];

fn run(_: &Lab) -> Result<Evidence> {
    let lock = Mutex::new([60, 40]);
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
    accounts[1] = 100 - accounts[0];
    drop(accounts);
    lock.clear_poison();
    // ANCHOR_END: std
    say!("next", "std: lock() answers {answer}; the sum is {found}, should be 100");
    let again = if lock.lock().is_ok() { "Ok" } else { "PoisonError" };
    say!("next", "repairs the sum and clears the poison: lock() answers {again}");

    let accounts = parking_lot::Mutex::new([60, 40]);
    panic_half_way(|| break_down_between(&mut accounts.lock()))?;
    let unnoticed = accounts.lock().iter().sum::<i64>();
    say!("next", "parking_lot: lock() gives the guard; the sum is {unnoticed}");
    Ok(Evidence::new()
        .fact("std's answer after a panic", answer)
        .fact("sum behind std's lock", found)
        .fact("std's answer after the repair", again)
        .fact("sum that parking_lot hands out", unnoticed))
}

/// Takes 50 from one account and never gets to give it to the other.
fn break_down_between(accounts: &mut Accounts) {
    accounts[0] -= 50;
    say!("mover", "has taken 50 from one account, and panics");
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
