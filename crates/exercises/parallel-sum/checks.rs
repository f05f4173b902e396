//! What a parallel sum must do under every schedule.

use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread::Builder;

use harness::{Check, serve};
use parallel_sum::parallel_sum;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(&[u64], usize, fn(&u64) -> u64) -> u64 = parallel_sum;

fn main() {
    serve(&[
        Check::explored("sum", sum),
        Check::explored("few-items", few_items),
        Check::explored("at-the-same-time", at_the_same_time),
        Check::explored("not-more-threads", not_more_threads),
        Check::explored("panic-travels", panic_travels),
    ]);
}

/// An item that cannot be copied, and that lives no longer than the caller.
struct Item<'a>(&'a u64);

fn total(numbers: &[u64], threads: usize) -> u64 {
    let items: Vec<_> = numbers.iter().map(Item).collect();
    parallel_sum(&items, threads, |item| *item.0)
}

fn sum() {
    assert_eq!(total(&[1, 20, 300], 1), 321, "the sum of 3 items on 1 thread");
    assert_eq!(total(&[1, 20, 300], 2), 321, "the sum of 3 items on 2 threads");
    assert_eq!(total(&[1, 20, 300, 4000, 50000], 3), 54321, "the sum of 5 items on 3 threads");
}

fn few_items() {
    assert_eq!(total(&[], 2), 0, "the sum of no items on 2 threads");
    assert_eq!(total(&[1, 20], 3), 21, "the sum of 2 items on 3 threads");
}

/// Each call waits until another thread has come to the same place.
fn at_the_same_time() {
    let meeting = Barrier::new(2);
    let sum: u64 = parallel_sum(&[1, 20, 300, 4000], 2, |item| {
        meeting.wait();
        *item
    });
    assert_eq!(sum, 4321, "the sum of 4 items on 2 threads");

    let meeting = Barrier::new(3);
    let sum: u64 = parallel_sum(&[1, 20, 300], 3, |item| {
        meeting.wait();
        *item
    });
    assert_eq!(sum, 321, "the sum of 3 items on 3 threads");
}

/// The first two calls wait for each other, so two threads are at work; a third must never be seen.
fn not_more_threads() {
    let working = AtomicUsize::new(0);
    let calls = AtomicUsize::new(0);
    let meeting = Barrier::new(2);
    let sum: u64 = parallel_sum(&[1, 20, 300, 4000, 50000], 2, |item| {
        let now = working.fetch_add(1, SeqCst) + 1;
        assert!(now <= 2, "{now} threads work at the same time, where 2 were asked for");
        if calls.fetch_add(1, SeqCst) < 2 {
            meeting.wait();
        }
        working.fetch_sub(1, SeqCst);
        *item
    });
    assert_eq!(sum, 54321, "the sum of 5 items on 2 threads");
}

fn panic_travels() {
    let finished = Arc::new(AtomicBool::new(false));
    let flag = finished.clone();
    let caller = Builder::new().name("caller".to_owned()).spawn(move || {
        let meeting = Barrier::new(2);
        parallel_sum(&[false, true], 2, |bad| {
            meeting.wait();
            if *bad {
                panic_any("item 2 is bad");
            }
            flag.store(true, SeqCst);
            1
        })
    });
    let payload = match caller.unwrap().join() {
        Err(payload) => payload,
        Ok(sum) => panic!("a call panicked, and nevertheless the sum {sum} came back"),
    };
    assert!(finished.load(SeqCst), "the panic came out while the other thread was still working");
    let words = payload.downcast_ref::<&str>();
    assert_eq!(words, Some(&"item 2 is bad"), "the payload of the panic that came out");
}
