//! Who is notified has no right to the item: before it has the lock again, another may have taken
//! it. So it looks again, in a loop.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::cpu::{sleeps_on, tid_of};

pub const EXPERIMENT: Experiment = Experiment {
    name: "stolen",
    question: "Is what one was notified of still there when one wakes up?",
    claims: &[],
    run,
};

type Items<'a> = MutexGuard<'a, VecDeque<u32>>;

// ANCHOR: waits
fn waits_with_if<'a>(mut items: Items<'a>, filled: &Condvar) -> Items<'a> {
    if items.is_empty() {
        items = filled.wait(items).expect("nobody panics while holding it");
    }
    items
}

fn waits_with_while<'a>(mut items: Items<'a>, filled: &Condvar) -> Items<'a> {
    while items.is_empty() {
        items = filled.wait(items).expect("nobody panics while holding it");
    }
    items
}
// ANCHOR_END: waits

fn run(_: &Lab) -> Result<Evidence> {
    let with_if = notified_too_late(waits_with_if)?;
    say!("main", "sends item 1, notifies, and a thief takes {}", named(with_if.stolen));
    say!("if", "{} and gets {}", with_if.wakes_up(), named(with_if.got));
    let with_while = notified_too_late(waits_with_while)?;
    say!("main", "the same again, and the thief takes {}", named(with_while.stolen));
    say!("while", "{} and gets {}", with_while.wakes_up(), named(with_while.got));
    let both = [&with_if, &with_while];
    Ok(Evidence::new()
        .fact("stolen: both were seen asleep", both.iter().all(|one| one.asleep))
        .fact("stolen: the thief was faster", both.iter().all(|one| one.stolen == Some(1)))
        .fact("stolen: with if, got an item", with_if.got.is_some())
        .fact("stolen: with while, got an item", with_while.got.is_some()))
}

/// What became of the items, and whether the consumer slept when the first came.
struct Theft {
    asleep: bool,
    stolen: Option<u32>,
    got: Option<u32>,
}

impl Theft {
    fn wakes_up(&self) -> &'static str {
        if self.asleep { "wakes up" } else { "was not seen asleep," }
    }
}

fn named(item: Option<u32>) -> String {
    item.map_or("nothing".to_owned(), |item| format!("item {item}"))
}

/// What a thief gets, and a consumer that waits in this way: item 1 is sent at first, and item 2
/// when the consumer has looked.
fn notified_too_late(wait: for<'a> fn(Items<'a>, &Condvar) -> Items<'a>) -> Result<Theft> {
    let (items, filled) = (Mutex::new(VecDeque::new()), Condvar::new());
    let (tid, told) = std::sync::mpsc::channel();
    let lock = || items.lock().expect("nobody panics while holding it");
    std::thread::scope(|threads| {
        let consumer = spawn(threads, "consumer", || {
            let items = lock();
            tid_of(&tid);
            wait(items, &filled).pop_front()
        })?;
        let tid = told.recv().context("the consumer ended")?;
        let asleep = sleeps_on(tid, &filled);
        // ANCHOR: theft
        let mut items = lock();
        items.push_back(1);
        filled.notify_one();
        // The consumer wakes and needs the lock. A thief that has it takes the item.
        let stolen = items.pop_front();
        drop(items);
        // ANCHOR_END: theft
        // It has been woken, and either ends or comes back to sleep.
        sleeps_on(tid, &filled);
        lock().push_back(2);
        filled.notify_one();
        let got = consumer.join().ok().context("the consumer has panicked")?;
        Ok(Theft { asleep, stolen, got })
    })
}
