//! Four conditions make a deadlock possible (Coffman, Elphick, Shoshani 1971). Each is broken in
//! turn, and the same two transfers get through.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Barrier, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::named::Named;
use crate::watch::watch;

pub const EXPERIMENT: Experiment = Experiment {
    name: "coffman",
    question: "Which four conditions does it take, and what breaks each?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let all_four = frozen(&|me, from, to, bank| {
        let mut source = bank.locked[from].lock(me);
        bank.overlap.wait();
        let mut target = bank.locked[to].lock(me);
        *source -= 10;
        *target += 10;
    })?;
    let hold = if all_four > 0 { "all four conditions hold" } else { "not all four hold" };
    say!("main", "{hold}: {all_four} frozen");

    let no_exclusion = frozen(&|_, from, to, bank| {
        bank.atomic[from].fetch_sub(10, Relaxed);
        bank.overlap.wait();
        bank.atomic[to].fetch_add(10, Relaxed);
    })?;
    tell("atomic balances", "no mutual exclusion", no_exclusion);

    let no_hold_and_wait = frozen(&|_, from, to, bank| {
        let mut both = bank.one_lock.lock().unwrap_or_else(PoisonError::into_inner);
        both[from] -= 10;
        both[to] += 10;
    })?;
    tell("both accounts at once, or none", "no hold and wait", no_hold_and_wait);

    let preemption = frozen(&|me, from, to, bank| {
        bank.desk.take(me, from);
        bank.overlap.wait();
        bank.desk.take(me, to);
        while !bank.desk.commit(me, from, to, 10) {
            say!(me, "has lost an account and changed nothing: begins again");
            bank.desk.take(me, from);
            bank.desk.take(me, to);
        }
    })?;
    tell("the older may take a lock away", "preemption", preemption);

    let no_circle = frozen(&|me, from, to, bank| {
        let low = bank.locked[from.min(to)].lock(me);
        let high = bank.locked[from.max(to)].lock(me);
        let (mut source, mut target) = if from < to { (low, high) } else { (high, low) };
        *source -= 10;
        *target += 10;
    })?;
    tell("the lower number first", "no circular wait", no_circle);
    Ok(Evidence::new()
        .fact("frozen with all four conditions", all_four)
        .fact("frozen without mutual exclusion", no_exclusion)
        .fact("frozen without hold and wait", no_hold_and_wait)
        .fact("frozen with preemption", preemption)
        .fact("frozen without a circle", no_circle))
}

fn tell(cure: &str, broken: &str, frozen: usize) {
    say!("main", "{cure}: {broken}, {frozen} frozen");
}

/// Two accounts, kept in four ways, and a rendezvous that forces the overlap.
struct Bank {
    locked: [Named<i64>; 2],
    atomic: [AtomicI64; 2],
    one_lock: Mutex<[i64; 2]>,
    desk: Desk,
    overlap: Barrier,
}

/// How many of two threads freeze that transfer in opposite directions.
fn frozen(transfer: &(dyn Fn(&'static str, usize, usize, &Bank) + Sync)) -> Result<usize> {
    let bank = Bank {
        locked: [Named::new("account A", 100), Named::new("account B", 100)],
        atomic: [100, 100].map(AtomicI64::new),
        one_lock: Mutex::new([100, 100]),
        desk: Desk::default(),
        overlap: Barrier::new(2),
    };
    let outcome = watch(
        false,
        &[("older", &|me| transfer(me, 0, 1, &bank)), ("younger", &|me| transfer(me, 1, 0, &bank))],
    )?;
    Ok(outcome.in_cycle)
}

// ANCHOR: desk
/// Locks that can be taken away, as in a database: balances change at the commit only, so one who
/// loses a lock has nothing to undo. An older transaction takes from a younger one and waits for
/// nobody; a younger one waits ("wound-wait", Rosenkrantz, Stearns and Lewis 1978).
#[derive(Default)]
struct Desk {
    accounts: Mutex<Accounts>,
    released: Condvar,
}

#[derive(Default)]
struct Accounts {
    holder: [Option<&'static str>; 2],
    balance: [i64; 2],
}

impl Desk {
    fn take(&self, me: &'static str, account: usize) {
        let accounts = self.open();
        let mut accounts = self
            .released
            .wait_while(accounts, |accounts| {
                me == "younger" && accounts.holder[account] == Some("older")
            })
            .unwrap_or_else(PoisonError::into_inner);
        accounts.holder[account] = Some(me);
    }

    /// Moves the money if both accounts are still held; lets go of what is held in any case.
    fn commit(&self, me: &'static str, from: usize, to: usize, amount: i64) -> bool {
        let mut accounts = self.open();
        let holds_both = accounts.holder == [Some(me); 2];
        if holds_both {
            accounts.balance[from] -= amount;
            accounts.balance[to] += amount;
        }
        for holder in accounts.holder.iter_mut().filter(|holder| **holder == Some(me)) {
            *holder = None;
        }
        self.released.notify_all();
        holds_both
    }
    // ANCHOR_END: desk

    fn open(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
