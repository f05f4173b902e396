//! Two threads add 1 to a counter: in two steps, and in one.

use explorer::explored as std;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use crate::program::{Program, show};

fn add_in_two(counter: &AtomicU32) {
    let read = counter.load(SeqCst);
    show("read", read);
    counter.store(read + 1, SeqCst);
}

fn add_in_one(counter: &AtomicU32) {
    counter.fetch_add(1, SeqCst);
}

pub fn broken() -> Program {
    twice("add_in_two", add_in_two)
}

pub fn mended() -> Program {
    twice("add_in_one", add_in_one)
}

fn twice(name: &'static str, add: fn(&AtomicU32)) -> Program {
    let counter = Arc::new(AtomicU32::new(0));
    let [first, second] = [(); 2].map(|()| Arc::clone(&counter));
    Program::new()
        .shared("counter", &counter)
        .thread("A", name, move || add(&first))
        .thread("B", name, move || add(&second))
        .ends(move || match counter.load(SeqCst) {
            2 => Ok("the counter is 2".to_owned()),
            sum => Err(format!("the counter is {sum}, so an update is lost")),
        })
}
