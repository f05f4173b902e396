//! What a counter must do under every schedule.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use CRATE::Counter;
use harness::{Check, serve};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn() -> Counter = Counter::new;
const _: fn(&Counter) -> u64 = Counter::count;
const _: fn(&Counter) -> u64 = Counter::total;

fn main() {
    serve(&[
        Check::explored("one-thread", one_thread),
        Check::explored("nothing-lost", nothing_lost),
        Check::explored("each-number-once", each_number_once),
    ]);
}

fn start<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(name.to_owned()).spawn(f).unwrap()
}

fn one_thread() {
    let counter = Counter::new();
    assert_eq!(counter.total(), 0, "the total before anything was counted");
    let numbers = [counter.count(), counter.count(), counter.count()];
    assert_eq!(numbers, [1, 2, 3], "counting three times");
    assert_eq!(counter.total(), 3, "the total after counting three times");
}

fn nothing_lost() {
    let counter = Arc::new(Counter::new());
    let threads = ["thread 1", "thread 2"].map(|name| {
        let counter = counter.clone();
        start(name, move || {
            counter.count();
            counter.count();
        })
    });
    threads.map(|thread| thread.join().unwrap());
    assert_eq!(counter.total(), 4, "the total after two threads counted twice");
}

fn each_number_once() {
    let counter = Arc::new(Counter::new());
    let threads = ["thread 1", "thread 2"].map(|name| {
        let counter = counter.clone();
        start(name, move || counter.count())
    });
    let mut numbers = threads.map(|thread| thread.join().unwrap());
    numbers.sort();
    assert_eq!(numbers, [1, 2], "the numbers that two threads were told");
}
