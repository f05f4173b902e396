//! The cure: everyone takes the locks in one and the same order.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, Shared, say};

use crate::named::Named;
use crate::watch::{pause_at, watch};

pub const EXPERIMENT: Experiment = Experiment {
    name: "ordering",
    question: "Does one order for all locks prevent it?",
    claims: &["deadlock-freezes"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let transfers = lab.by_effort(5_000, 5_000, 500_000);
    // Counted where they are made, in memory that this process shares with the one of the tellers.
    let (start, made) = (Barrier::new(2), Shared::new(AtomicU32::new(0))?);
    let repeat = |transfer: &dyn Fn(u32) -> bool| {
        start.wait();
        for turn in 0..transfers {
            made.fetch_add(u32::from(transfer(turn)), Relaxed);
        }
    };
    let accounts = || [Account::new(1, "account A"), Account::new(2, "account B")];

    let [a, b] = &accounts();
    let as_given = watch(
        false,
        &[
            ("teller-1", &|me| repeat(&|turn| as_given(me, a, b, turn))),
            ("teller-2", &|me| repeat(&|turn| as_given(me, b, a, turn))),
        ],
    )?;
    tell("order as given: ", transfers, made.swap(0, Relaxed), as_given.in_cycle);

    let [a, b] = &accounts();
    let ordered = watch(
        false,
        &[
            ("teller-1", &|me| repeat(&|turn| in_order(me, a, b, turn))),
            ("teller-2", &|me| repeat(&|turn| in_order(me, b, a, turn))),
        ],
    )?;
    let made = made.load(Relaxed);
    tell("order by number:", transfers, made, ordered.in_cycle);
    Ok(Evidence::new()
        .measured("transfers in one order", made, "transfers")
        .fact("threads frozen in one order", ordered.in_cycle)
        .fact("threads frozen in the order given", as_given.in_cycle))
}

/// Says how many of two tellers' transfers were made.
fn tell(order: &str, each: u32, made: u32, frozen: usize) {
    match frozen {
        0 => say!("main", "{order} of 2 × {each} transfers {made} got through"),
        _ => say!("main", "{order} froze; of 2 × {each} transfers {made} got through"),
    }
}

struct Account {
    number: u32,
    balance: Named<i64>,
}

impl Account {
    fn new(number: u32, name: &'static str) -> Account {
        Account { number, balance: Named::new(name, 100) }
    }
}

fn as_given(me: &'static str, from: &Account, to: &Account, turn: u32) -> bool {
    let mut source = from.balance.lock(me);
    pause_at(turn);
    let mut target = to.balance.lock(me);
    *source -= 1;
    *target += 1;
    true
}

// ANCHOR: in_order
/// Whether the money was moved.
fn in_order(me: &'static str, from: &Account, to: &Account, turn: u32) -> bool {
    if from.number == to.number {
        return false; // The same lock twice would be a cycle of one.
    }
    let from_first = from.number < to.number;
    let (low, high) = if from_first { (from, to) } else { (to, from) };
    let low = low.balance.lock(me);
    pause_at(turn);
    let high = high.balance.lock(me);
    let (mut source, mut target) = if from_first { (low, high) } else { (high, low) };
    *source -= 1;
    *target += 1;
    true
}
// ANCHOR_END: in_order
