//! What a parallel sum must do under every schedule.

use std::any::Any;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::{CString, OsString};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread::{Builder, yield_now};

use harness::{Check, EDGES, any_of, serve, set_most_steps};
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
        Check::explored("at-the-same-time", at_the_same_time),
        Check::explored("few-items", few_items),
        Check::explored("not-more-threads", not_more_threads),
        Check::explored("panic-travels", panic_travels),
        Check::explored("many", many),
    ]);
}

/// An item that cannot be copied, and that lives no longer than the caller.
struct Item<'a>(&'a u64);

/// Takes any function for one type, so that the submission is compiled once for each type of items.
fn compute<T: Sync>(items: &[T], threads: usize, value: &(dyn Fn(&T) -> u64 + Sync)) -> u64 {
    parallel_sum(items, threads, value)
}

fn total(numbers: &[u64], threads: usize) -> u64 {
    let items: Vec<_> = numbers.iter().map(Item).collect();
    compute(&items, threads, &|item| *item.0)
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
    // Who adds alone adds rightly: how many threads are at work is what the other checks ask.
    callers(&[1, 1]);
}

/// Several call at the same time, each for so many threads: all of them wait for each other.
fn callers(threads: &[usize]) {
    let meeting = Arc::new(Barrier::new(threads.iter().sum()));
    let call = |(index, threads): (usize, &usize)| {
        let (number, threads, meeting) = (1 + 99 * index as u64, *threads, meeting.clone());
        let call = move || {
            compute(&vec![number; threads], threads, &|item| {
                meeting.wait();
                *item
            })
        };
        (number, threads, Builder::new().name(format!("caller {number}")).spawn(call).unwrap())
    };
    let others = match threads.len() {
        2 => "another call is".to_owned(),
        calls => format!("{} other calls are", calls - 1),
    };
    // Collected, so that all have begun before one of them is waited for.
    for (number, threads, caller) in threads.iter().enumerate().map(call).collect::<Vec<_>>() {
        let sum: u64 = caller.join().unwrap();
        let what = format!("the sum of {threads} times {number}, while {others} at work");
        assert_eq!(sum, threads as u64 * number, "{what}");
    }
}

/// Each call waits until another thread has come to the same place; where threads may have more items
/// than others, only the first two calls.
fn at_the_same_time() {
    let calls = AtomicUsize::new(0);
    let meeting = Barrier::new(2);
    let sum: u64 = compute(&[1, 20, 300, 4000], 2, &|item| {
        if calls.fetch_add(1, SeqCst) < 2 {
            meeting.wait();
        }
        *item
    });
    assert_eq!(sum, 4321, "the sum of 4 items on 2 threads");

    let meeting = Barrier::new(3);
    let sum: u64 = compute(&[1, 20, 300], 3, &|item| {
        meeting.wait();
        *item
    });
    assert_eq!(sum, 321, "the sum of 3 items on 3 threads");
    callers(&[2, 2]);
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
        let sum = compute(&numbers, threads, &|item| {
            meeting.wait();
            *item
        });
        let expected = numbers.iter().sum::<u64>();
        assert_eq!(sum, expected, "the sum of {number} items on {threads} threads");
    }
}

/// The first two calls wait for each other, so two threads are at work; a third must never be seen.
fn not_more_threads() {
    let working = AtomicUsize::new(0);
    let calls = AtomicUsize::new(0);
    let meeting = Barrier::new(2);
    let sum: u64 = compute(&[1, 20, 300, 4000, 50000], 2, &|item| {
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
        let sum = compute(&numbers, threads, &|item| {
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

/// What a call panics with: no text.
#[derive(Clone, Debug, PartialEq)]
struct Bad(usize);

/// And this takes no memory.
#[derive(Clone, Debug, PartialEq)]
struct Nothing;

fn panic_travels() {
    for bad in [1, 0] {
        panic_of(bad);
    }
    for first in [0, 1] {
        several_panic(first);
    }
    // What a payload is makes no difference to a schedule, so under each of them there is one kind.
    let kinds = kinds();
    match kinds.get(any_of(kinds.len() + 1)) {
        None => {
            only_call_panics();
            one_of_two_callers_panics();
            beside_a_panic(false);
            beside_a_panic(true);
            from_a_destructor();
        }
        Some(kind) => {
            for (threads, panics) in [(1, 1), (2, 1), (2, 2)] {
                same_payload(kind, threads, panics);
            }
        }
    }
}

/// What one call panics with, and what another does, and whether something is that.
struct Kind {
    is: &'static str,
    make: [fn() -> Box<dyn Any + Send>; 2],
    same: [fn(&(dyn Any + Send)) -> bool; 2],
}

/// A kind of two payloads of one type.
macro_rules! kind {
    ($one:expr, $another:expr) => {
        Kind {
            is: concat!(stringify!($one), " or ", stringify!($another)),
            make: [|| Box::new($one), || Box::new($another)],
            same: [
                |payload| payload.downcast_ref() == Some(&$one),
                |payload| payload.downcast_ref() == Some(&$another),
            ],
        }
    };
}

fn kinds() -> [Kind; 42] {
    // Who takes a box for the payload itself finds a payload in this one.
    let in_a_box = |payload: &(dyn Any + Send)| {
        let boxed = payload.downcast_ref::<Box<dyn Any + Send>>();
        boxed.is_some_and(|boxed| boxed.is::<Bad>())
    };
    [
        kind!("a text", "another"),
        kind!("a String".to_owned(), "another".to_owned()),
        kind!(" spaces at both ends \n".to_owned(), String::new()),
        kind!((), ()),
        kind!(Nothing, Nothing),
        kind!([0_u8; 0], [0_u8; 0]),
        kind!(Bad(0), Bad(1)),
        kind!(7_u8, 8_u8),
        kind!(7_u16, 8_u16),
        kind!(7_u32, 8_u32),
        kind!(7_u64, 8_u64),
        kind!(7_u128, 8_u128),
        kind!(7_usize, 8_usize),
        kind!(-7_i8, 7_i8),
        kind!(-7_i16, 7_i16),
        kind!(-7_i32, 7_i32),
        kind!(-7_i64, 7_i64),
        kind!(-7_i128, 7_i128),
        kind!(-7_isize, 7_isize),
        kind!('7', '8'),
        kind!(true, false),
        kind!(7.5_f32, -7.5_f32),
        kind!(7.5_f64, -7.5_f64),
        kind!(Box::<str>::from("a text"), Box::<str>::from("another")),
        kind!(Arc::<str>::from("a text"), Arc::<str>::from("another")),
        kind!(Cow::Borrowed("a text"), Cow::<str>::Owned("another".to_owned())),
        kind!(CString::from(c"a text"), CString::from(c"another")),
        kind!(OsString::from("a text"), OsString::from("another")),
        kind!(b"bytes".to_vec(), Vec::<u8>::new()),
        kind!(vec!["a text".to_owned()], Vec::<String>::new()),
        kind!(Box::new(7_u64), Box::new(8_u64)),
        kind!(Box::new(7_i32), Box::new(8_i32)),
        kind!(Box::new("a text".to_owned()), Box::new("another".to_owned())),
        kind!(Box::new("a text"), Box::new("another")),
        kind!(Box::new(Box::new(Bad(7))), Box::new(Box::new(Bad(8)))),
        kind!(Some("a text".to_owned()), None::<String>),
        kind!(Arc::new(7_u64), Arc::new(8_u64)),
        kind!([7_u64; 9], [8_u64; 9]),
        kind!([7_u8; 5000], [8_u8; 5000]),
        kind!((7_u8, "a text"), (8_u8, "another")),
        kind!(Ordering::Less, Ordering::Equal),
        Kind {
            is: "a box in which there is another payload",
            make: [|| Box::new(Box::new(Bad(7)) as Box<dyn Any + Send>); 2],
            same: [in_a_box; 2],
        },
    ]
}

fn only_call_panics() {
    let caller = Builder::new()
        .name("caller".to_owned())
        .spawn(|| compute(&[7_usize], 1, &|item| panic_any(Bad(*item))));
    let payload = caller.unwrap().join().expect_err("the only call panicked");
    let bad = payload.downcast_ref::<Bad>();
    assert_eq!(bad, Some(&Bad(7)), "the payload of the panic on 1 thread");
}

/// Two call at the same time, and what one of them comes to is nothing to the other.
fn one_of_two_callers_panics() {
    let meeting = Arc::new(Barrier::new(2));
    let callers = [None, Some(5)].map(|comes_to| {
        let meeting = meeting.clone();
        let call = move || {
            compute(&[7_usize], 2, &|item| {
                meeting.wait();
                comes_to.unwrap_or_else(|| panic_any(Bad(*item)))
            })
        };
        Builder::new().name("caller".to_owned()).spawn(call).unwrap()
    });
    let came = callers.map(|caller| caller.join());
    let bad = came[0].as_ref().err().and_then(|payload| payload.downcast_ref::<Bad>());
    assert_eq!(bad, Some(&Bad(7)), "the payload of a panic, while another call is at work");
    let sum = came[1].as_ref().ok();
    assert_eq!(sum, Some(&5), "the sum of 5, while another call panics");
}

/// One of two calls panics when both are at work, and the other adds up all of its items: while that happens,
/// or once it has.
fn beside_a_panic(afterwards: bool) {
    let (meeting, over) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (meets, ends) = (meeting.clone(), over.clone());
    let panics = move || {
        let came = catch_unwind(AssertUnwindSafe(|| {
            compute(&[7_usize], 2, &|item| {
                meets.wait();
                panic_any(Bad(*item))
            })
        }));
        if afterwards {
            ends.wait();
        }
        came
    };
    let caller = Builder::new().name("caller".to_owned()).spawn(panics).unwrap();
    let calls = AtomicUsize::new(0);
    let sum = compute(&[1, 20, 300, 4000, 50000], 2, &|item| {
        if calls.fetch_add(1, SeqCst) == 0 {
            meeting.wait();
            if afterwards {
                over.wait();
            }
        }
        yield_now();
        *item
    });
    let came = caller.join().unwrap();
    let when = if afterwards { "after" } else { "while" };
    assert_eq!(
        sum, 54321,
        "the sum of 5 items on 2 threads, begun before and at work {when} another call panics"
    );
    let bad = came.as_ref().err().and_then(|payload| payload.downcast_ref::<Bad>());
    assert_eq!(bad, Some(&Bad(7)), "the payload of a panic, while another call is at work");
}

/// A thread that panics for reasons of its own may call, too.
fn from_a_destructor() {
    struct Adds<'a>(&'a AtomicUsize);
    impl Drop for Adds<'_> {
        fn drop(&mut self) {
            let sum = compute(&[1, 20, 300, 4000], 2, &|item| *item);
            self.0.store(sum as usize, SeqCst);
        }
    }
    let sum = AtomicUsize::new(0);
    let came = catch_unwind(AssertUnwindSafe(|| {
        let _adds = Adds(&sum);
        panic_any(Bad(7))
    }));
    assert!(came.is_err(), "a caller panicked");
    let sum = sum.into_inner();
    assert_eq!(sum, 4321, "the sum of 4 items on 2 threads, by a thread that panics");
}

/// One of two calls panics, or both do: the same comes out, of the same type.
fn same_payload(kind: &Kind, threads: usize, panics: usize) {
    let make = kind.make;
    let call = move || {
        let meeting = Barrier::new(panics);
        compute(&[1, 0], threads, &|item| {
            if *item >= panics {
                return 1;
            }
            meeting.wait();
            resume_unwind(make[*item]())
        })
    };
    let caller = Builder::new().name("caller".to_owned()).spawn(call);
    let payload = caller.unwrap().join().expect_err("a call panicked");
    let same = kind.same[..panics].iter().any(|same| same(&*payload));
    let of = if panics == 1 { "a call panicked" } else { "two calls panicked" };
    assert!(same, "{of} with {}, of which the payload that came is none", kind.is);
}

/// Of three threads, all from this one on panic, each with a payload of its own.
fn several_panic(first: usize) {
    let call = move || {
        let meeting = Barrier::new(3);
        compute(&[0, 1, 2], 3, &|item| {
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
        compute(&[0, 1], 2, &|item| {
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

/// Every number of items and threads up to nine; numbers near the end of their types; items of other
/// sizes; then many threads, each of which waits until all are at work, also with fewer items than
/// threads, and with those of another call.
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
    all_at_work(2, 65, 2);
    callers(&[1, 33]);
    callers(&[MANY, MANY + 1]);
    for calls in [3, 4, 5, 9, 17, 100] {
        callers(&vec![1; calls]);
        callers(&vec![2; calls]);
    }
    all_at_work(MOST, MOST, MOST);
    whatever_they_are(&[(); 7]);
    whatever_they_are(&[[0_u8; 3]; 7]);
    whatever_they_are(&[[0_u64; 600]; 7]);
    // More items than threads, so many that one thread less would be at work for longer.
    for threads in [2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 17, 65] {
        for number in [2 * threads, 3 * threads, threads * (threads - 1) + 1] {
            all_at_work(number.min(MANY / threads * threads), threads, threads);
        }
    }
}

/// The first calls, as many as there must be threads at work, wait for each other. More than were asked for
/// are never seen at work.
fn all_at_work(number: usize, threads: usize, at_once: usize) {
    let (calls, working) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let meeting = Barrier::new(at_once);
    let numbers = vec![1; number];
    let sum = compute(&numbers, threads, &|item| {
        let now = working.fetch_add(1, SeqCst) + 1;
        assert!(now <= threads, "{now} threads at the same time, where {threads} were asked for");
        if calls.fetch_add(1, SeqCst) < at_once {
            meeting.wait();
        }
        working.fetch_sub(1, SeqCst);
        *item
    });
    assert_eq!(sum, number as u64, "the sum of {number} times 1 on {threads} threads");
}

/// Seven items, which may be large or have no size at all, and two of which are worked on at once.
fn whatever_they_are<T: Sync>(items: &[T]) {
    let calls = AtomicUsize::new(0);
    let meeting = Barrier::new(2);
    let sum = compute(items, 2, &|_| {
        let call = calls.fetch_add(1, SeqCst);
        if call < 2 {
            meeting.wait();
        }
        1 << call
    });
    let what =
        format!("the sum of 2^0 to 2^6, one for each of 7 items of {} bytes", size_of::<T>());
    assert_eq!(sum, 127, "{what}");
}

/// How many threads are many.
const MANY: usize = 300;

/// And how many one call may be asked for, as the page says.
const MOST: usize = 500;

/// Steps for a check with hundreds of threads, or many thousands of operations, some of them for each item.
const ENOUGH: u64 = 4_000_000;
