//! What a parallel sum must do under every schedule.

use std::any::Any;
use std::fmt::Debug;
use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{Builder, yield_now};

use harness::{Check, EDGES, serve, set_most_steps};
use parallel_sum::parallel_sum;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(&[u64], usize, fn(&u64) -> u64) -> u64 = parallel_sum;

/// No more than this may be asked of items and of `value`.
#[allow(dead_code)]
fn any_item<T: Sync>(items: &[T], value: impl Fn(&T) -> u64 + Sync) -> u64 {
    parallel_sum(items, 2, value)
}

fn main() {
    serve(&[
        Check::explored("sum", sum),
        Check::explored("few-items", few_items),
        Check::explored("at-the-same-time", at_the_same_time),
        Check::explored("not-more-threads", not_more_threads),
        Check::explored("panic-travels", panic_travels),
        Check::explored("many", many),
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
    let large = [1 << 32, 1 << 40, (1 << 62) + 1];
    let expected = (1 << 32) + (1 << 40) + (1 << 62) + 1;
    assert_eq!(total(&large, 2), expected, "the sum of 2^32, 2^40 and 2^62 + 1 on 2 threads");
    let many: Vec<u64> = (1..=30).collect();
    assert_eq!(total(&many, 7), 465, "the sum of 1 to 30 on 7 threads");
    assert_eq!(total(&many, 8), 465, "the sum of 1 to 30 on 8 threads");
    for threads in [1, 2] {
        two_callers(threads);
    }
}

/// Two call at the same time: all threads of both calls wait for each other.
fn two_callers(threads: usize) {
    let meeting = Arc::new(Barrier::new(2 * threads));
    let callers = [1, 100].map(|number: u64| {
        let meeting = meeting.clone();
        let call = move || {
            parallel_sum(&vec![number; threads], threads, |item| {
                meeting.wait();
                *item
            })
        };
        (number, Builder::new().name(format!("caller {number}")).spawn(call).unwrap())
    });
    for (number, caller) in callers {
        let sum: u64 = caller.join().unwrap();
        let what = format!("the sum of {threads} times {number}, while another call is at work");
        assert_eq!(sum, threads as u64 * number, "{what}");
    }
}

fn few_items() {
    assert_eq!(total(&[], 2), 0, "the sum of no items on 2 threads");
    assert_eq!(total(&[], 1), 0, "the sum of no items on 1 thread");
    assert_eq!(total(&[1, 20], 3), 21, "the sum of 2 items on 3 threads");
    assert_eq!(total(&[1], 4), 1, "the sum of 1 item on 4 threads");
    // Each has a thread, so all can be at work at once.
    for (number, threads) in [(2, 3), (3, 8)] {
        let meeting = Barrier::new(number);
        let numbers: Vec<u64> = (1..=number as u64).collect();
        let sum = parallel_sum(&numbers, threads, |item| {
            meeting.wait();
            *item
        });
        let expected = numbers.iter().sum::<u64>();
        assert_eq!(sum, expected, "the sum of {number} items on {threads} threads");
    }
}

/// Each call waits until another thread has come to the same place; where threads may have more items
/// than others, only the first two calls.
fn at_the_same_time() {
    let calls = AtomicUsize::new(0);
    let meeting = Barrier::new(2);
    let sum: u64 = parallel_sum(&[1, 20, 300, 4000], 2, |item| {
        if calls.fetch_add(1, SeqCst) < 2 {
            meeting.wait();
        }
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

    for (number, threads) in [(3, 1), (4, 3), (7, 3)] {
        let working = AtomicUsize::new(0);
        let numbers: Vec<u64> = (1..=number).collect();
        let sum = parallel_sum(&numbers, threads, |item| {
            let now = working.fetch_add(1, SeqCst) + 1;
            assert!(
                now <= threads,
                "{now} threads at the same time, where {threads} were asked for"
            );
            working.fetch_sub(1, SeqCst);
            *item
        });
        let expected = numbers.iter().sum::<u64>();
        assert_eq!(sum, expected, "the sum of {number} items on {threads} threads");
    }
}

/// What a call panics with: no text, and nothing that could be copied.
#[derive(Debug, PartialEq)]
struct Bad(usize);

fn panic_travels() {
    for bad in [1, 0] {
        panic_of(bad);
    }
    let caller = Builder::new()
        .name("caller".to_owned())
        .spawn(|| parallel_sum(&[7_usize], 1, |item| panic_any(Bad(*item))));
    let payload = caller.unwrap().join().expect_err("the only call panicked");
    let bad = payload.downcast_ref::<Bad>();
    assert_eq!(bad, Some(&Bad(7)), "the payload of the panic on 1 thread");

    for threads in [1, 2] {
        same_payload(threads, "a text");
        same_payload(threads, "a String".to_owned());
        same_payload(threads, 7_u8);
    }
    for first in [0, 1] {
        several_panic(first);
    }
}

/// One of two calls panics with this: the same comes out, of the same type.
fn same_payload<P: Any + Clone + Debug + PartialEq + Send>(threads: usize, expected: P) {
    let payloads = [Mutex::new(None), Mutex::new(Some(expected.clone()))];
    let call = move || {
        parallel_sum(&payloads, threads, |payload| {
            let payload = payload.lock().unwrap().take();
            payload.map_or(1, |payload| panic_any(payload))
        })
    };
    let caller = Builder::new().name("caller".to_owned()).spawn(call);
    let payload = caller.unwrap().join().expect_err("one of two calls panicked");
    let came = payload.downcast_ref::<P>();
    assert_eq!(came, Some(&expected), "the payload of the panic, as what it was");
}

/// Of three threads, all from this one on panic, each with a payload of its own.
fn several_panic(first: usize) {
    let call = move || {
        let meeting = Barrier::new(3);
        parallel_sum(&[0, 1, 2], 3, |item| {
            meeting.wait();
            if *item >= first {
                panic_any(Bad(*item));
            }
            1
        })
    };
    let caller = Builder::new().name("caller".to_owned()).spawn(call);
    let payload = caller.unwrap().join().expect_err("calls panicked");
    let bad = payload.downcast_ref::<Bad>();
    let one_of_them = bad.is_some_and(|bad| (first..3).contains(&bad.0));
    assert!(one_of_them, "{} of 3 threads panicked: the payload is none of theirs", 3 - first);
}

/// Two threads, one of which panics while the other is at work.
fn panic_of(index: usize) {
    let finished = Arc::new(AtomicBool::new(false));
    let flag = finished.clone();
    let caller = Builder::new().name("caller".to_owned()).spawn(move || {
        let meeting = Barrier::new(2);
        parallel_sum(&[0, 1], 2, |item| {
            meeting.wait();
            if *item == index {
                panic_any(Bad(index));
            }
            yield_now();
            flag.store(true, SeqCst);
            1
        })
    });
    let payload = match caller.unwrap().join() {
        Err(payload) => payload,
        Ok(sum) => panic!("a call panicked, and nevertheless the sum {sum} came back"),
    };
    assert!(finished.load(SeqCst), "the panic came out while the other thread was still working");
    let bad = payload.downcast_ref::<Bad>();
    assert_eq!(bad, Some(&Bad(index)), "the payload of the panic that came out");
}

/// Every number of items and threads up to nine; numbers near the end of their types; then many
/// threads, each of which waits until all are at work, also with fewer items than threads.
fn many() {
    set_most_steps(ENOUGH);
    for number in 0..=9 {
        for threads in 1..=9 {
            let numbers: Vec<u64> = (0..number).map(|place| 1 << place).collect();
            let expected = (1 << number) - 1;
            let what = format!("the sum of {number} items on {threads} threads");
            assert_eq!(total(&numbers, threads), expected, "{what}");
        }
    }
    for number in EDGES {
        let parts = [number, u64::MAX - number];
        assert_eq!(
            total(&parts, 2),
            u64::MAX,
            "the sum of {} and {} on 2 threads",
            parts[0],
            parts[1]
        );
    }
    let numbers: Vec<u64> = (1..=1000).collect();
    let long = vec![1; (1 << 16) + 1];
    assert_eq!(total(&long, 2), (1 << 16) + 1, "the sum of 2^16 + 1 times 1 on 2 threads");
    for threads in [3, 64, 70] {
        let sum = total(&numbers, threads);
        assert_eq!(sum, 500_500, "the sum of 1 to 1000 on {threads} threads");
    }
    for (number, threads) in [(9, 9), (33, 33), (MANY, MANY), (2, 12), (2, MANY)] {
        let meeting = Barrier::new(number);
        let numbers = vec![1; number];
        let sum = parallel_sum(&numbers, threads, |item| {
            meeting.wait();
            *item
        });
        assert_eq!(sum, number as u64, "the sum of {number} times 1 on {threads} threads");
    }
}

/// How many threads are many.
const MANY: usize = 300;

/// Steps for a check with hundreds of threads, or thousands of operations.
const ENOUGH: u64 = 400_000;
