//! The cure: everyone takes the locks in one and the same order.

use std::sync::Barrier;

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

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
    let start = Barrier::new(2);
    let repeat = |transfer: &dyn Fn(u32)| {
        start.wait();
        (0..transfers).for_each(transfer);
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
    let fate = if as_given.in_cycle > 0 { "froze" } else { "got through, by luck" };
    say!("main", "order as given:  2 × {transfers} opposite transfers {fate}");

    let [a, b] = &accounts();
    let ordered = watch(
        false,
        &[
            ("teller-1", &|me| repeat(&|turn| in_order(me, a, b, turn))),
            ("teller-2", &|me| repeat(&|turn| in_order(me, b, a, turn))),
        ],
    )?;
    let fate = if ordered.in_cycle > 0 { "froze" } else { "all got through" };
    say!("main", "order by number: 2 × {transfers} opposite transfers {fate}");
    Ok(Evidence::new()
        .fact("transfers in one order", 2 * transfers)
        .fact("threads frozen in one order", ordered.in_cycle)
        .fact("threads frozen in the order given", as_given.in_cycle))
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

fn as_given(me: &'static str, from: &Account, to: &Account, turn: u32) {
    let mut source = from.balance.lock(me);
    pause_at(turn);
    let mut target = to.balance.lock(me);
    *source -= 1;
    *target += 1;
}

// ANCHOR: in_order
fn in_order(me: &'static str, from: &Account, to: &Account, turn: u32) {
    if from.number == to.number {
        return; // The same lock twice would be a cycle of one.
    }
    let from_first = from.number < to.number;
    let (low, high) = if from_first { (from, to) } else { (to, from) };
    let low = low.balance.lock(me);
    pause_at(turn);
    let high = high.balance.lock(me);
    let (mut source, mut target) = if from_first { (low, high) } else { (high, low) };
    *source -= 1;
    *target += 1;
}
// ANCHOR_END: in_order
