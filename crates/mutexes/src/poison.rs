//! A thread panics half way through a change. Who learns that the value is half done?

use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail, ensure};
use lab::child::explain;
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
    let accounts = Mutex::new([60, 40]);
    panic_half_way(|| {
        let mut accounts = accounts.lock().expect("it is not poisoned yet");
        break_down_between(&mut accounts)
    })?;
    // ANCHOR: std
    let found = match accounts.lock() {
        Ok(_) => bail!("std gave the lock as if nothing had happened"),
        Err(poisoned) => {
            let mut accounts = poisoned.into_inner();
            let found = accounts.iter().sum::<i64>();
            accounts[1] = 100 - accounts[0];
            found
        }
    };
    accounts.clear_poison();
    // ANCHOR_END: std
    say!("next", "std: lock() answers PoisonError; the balances sum to {found}, not to 100");
    let repaired = accounts.lock().is_ok_and(|accounts| accounts.iter().sum::<i64>() == 100);
    ensure!(repaired, "the lock is still poisoned");
    say!("next", "repairs the sum and clears the poison: lock() answers Ok again");

    let accounts = parking_lot::Mutex::new([60, 40]);
    panic_half_way(|| break_down_between(&mut accounts.lock()))?;
    let unnoticed = accounts.lock().iter().sum::<i64>();
    say!("next", "parking_lot: lock() gives the guard; the balances sum to {unnoticed}, unnoticed");
    Ok(Evidence::new()
        .fact("sum behind std's poison", found)
        .fact("std's lock works after the repair", repaired)
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
            .spawn_scoped(threads, body)
            .map_err(|_| explain("thread")(Errno::EAGAIN))?;
        ensure!(thread.join().is_err(), "the thread did not panic");
        Ok(())
    })
}
