//! The litmus tests of the literature, with the exact sets of their outcomes.

// Where one variant of a test has a fence, another one has nothing.
#![allow(clippy::no_effect)]

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use super::execution::{self, Operation};
use super::memory::Order::{self, *};
use super::shadow::AccessKind;
use super::{model, thread};
use crate::Search;
use crate::report::{Kind, Report};

type Shared = &'static [AtomicU64; 3];
type Thread = fn(Shared) -> Vec<u64>;

/// A test: its threads, whether the last values count as well, and what came out.
struct Test {
    threads: Vec<Thread>,
    last: bool,
    outcomes: BTreeSet<Vec<u64>>,
}

static TEST: Mutex<Test> =
    Mutex::new(Test { threads: Vec::new(), last: false, outcomes: BTreeSet::new() });

/// Something done with the test while no other thread can be run.
fn test<R>(does: impl FnOnce(&mut Test) -> R) -> R {
    execution::outside(|| does(&mut TEST.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn load(at: &AtomicU64, order: Order) -> u64 {
    execution::atomic("load", at.as_ptr() as usize, 8, Operation::Load, order).unwrap()
}

fn store(at: &AtomicU64, value: u64, order: Order) {
    let operation = Operation::Store(value);
    execution::atomic("store", at.as_ptr() as usize, 8, operation, order);
}

fn add(at: &AtomicU64, value: u64, order: Order) -> u64 {
    let change = |old| Some(old + value);
    let operation = Operation::Update(&change, order);
    execution::atomic("fetch_add", at.as_ptr() as usize, 8, operation, order).unwrap()
}

fn exchange(at: &AtomicU64, old: u64, new: u64, order: Order) -> bool {
    let change = |value| (value == old).then_some(new);
    let operation = Operation::Update(&change, Relaxed);
    execution::atomic("exchange", at.as_ptr() as usize, 8, operation, order) == Some(old)
}

fn exchange_weak(at: &AtomicU64, old: u64, new: u64) -> bool {
    let place = (at.as_ptr() as usize, 8);
    execution::exchange_weak(place, (old, new), (Acquire, Relaxed)).unwrap().is_ok()
}

fn fence(order: Order) {
    execution::fence(order);
}

fn plain_write(at: &AtomicU64) {
    execution::plain(at.as_ptr() as usize, 8, AccessKind::Write);
}

fn plain_read(at: &AtomicU64) {
    execution::plain(at.as_ptr() as usize, 8, AccessKind::Read);
}

fn body() {
    let shared: Shared = Box::leak(Box::default());
    let threads = test(|test| test.threads.clone());
    let handles: Vec<_> = threads
        .iter()
        .map(|does| {
            let does = *does;
            thread::spawn(move || does(shared))
        })
        .collect();
    let mut outcome = Vec::new();
    for handle in handles {
        outcome.extend(handle.join().unwrap());
    }
    if test(|test| test.last) {
        outcome.extend(shared.iter().map(|at| load(at, Relaxed)));
    }
    test(|test| test.outcomes.insert(outcome.to_vec()));
}

/// Explores, one test at a time, and gives what came out.
fn explore(threads: &[Thread], last: bool) -> (Report, BTreeSet<Vec<u64>>) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let threads = threads.to_vec();
    test(|test| *test = Test { threads, last, outcomes: BTreeSet::new() });
    let report = model(body, &Search { schedules: 1_000_000, ..Search::default() });
    if let Some(failure) = &report.failure {
        let replay = failure.replay.clone();
        let again = model(body, &Search { schedules: 1, replay, ..Search::default() }).failure;
        assert_eq!(again.as_ref(), Some(failure), "the same again");
    }
    (report, test(|test| std::mem::take(&mut test.outcomes)))
}

/// The values that the threads return, one after the other, in all executions.
fn outcomes(threads: &[Thread]) -> Vec<Vec<u64>> {
    let (report, outcomes) = explore(threads, false);
    assert!(report.failure.is_none() && report.exhaustive, "{report:?}");
    outcomes.into_iter().collect()
}

/// As [`outcomes`], with what the three variables hold when all have ended.
fn with_last(threads: &[Thread]) -> Vec<Vec<u64>> {
    let (report, outcomes) = explore(threads, true);
    assert!(report.failure.is_none() && report.exhaustive, "{report:?}");
    outcomes.into_iter().collect()
}

fn races(threads: &[Thread]) -> bool {
    let failure = explore(threads, false).0.failure;
    assert!(failure.as_ref().is_none_or(|failure| failure.kind == Kind::Race), "{failure:?}");
    failure.is_some()
}

const NONE: Vec<u64> = Vec::new();

fn pairs(expected: &[[u64; 2]]) -> Vec<Vec<u64>> {
    expected.iter().map(|pair| pair.to_vec()).collect()
}

macro_rules! store_buffering {
    ($store:expr, $load:expr, $fence:expr) => {
        outcomes(&[
            |v| {
                store(&v[0], 1, $store);
                $fence;
                vec![load(&v[1], $load)]
            },
            |v| {
                store(&v[1], 1, $store);
                $fence;
                vec![load(&v[0], $load)]
            },
        ])
    };
}

#[test]
fn store_buffering() {
    let all = pairs(&[[0, 0], [0, 1], [1, 0], [1, 1]]);
    assert_eq!(store_buffering!(Relaxed, Relaxed, ()), all);
    assert_eq!(store_buffering!(Release, Acquire, ()), all);
    assert_eq!(store_buffering!(Relaxed, Relaxed, fence(AcqRel)), all);
    let sequential = pairs(&[[0, 1], [1, 0], [1, 1]]);
    assert_eq!(store_buffering!(SeqCst, SeqCst, ()), sequential);
    assert_eq!(store_buffering!(Relaxed, Relaxed, fence(SeqCst)), sequential);
    assert_eq!(store_buffering!(SeqCst, Acquire, ()), all);
}

macro_rules! message_passing {
    ($store:expr, $before:expr, $load:expr, $after:expr) => {
        outcomes(&[
            |v| {
                store(&v[0], 1, Relaxed);
                $before;
                store(&v[1], 1, $store);
                NONE
            },
            |v| {
                let flag = load(&v[1], $load);
                $after;
                vec![flag, load(&v[0], Relaxed)]
            },
        ])
    };
}

#[test]
fn message_passing() {
    let all = pairs(&[[0, 0], [0, 1], [1, 0], [1, 1]]);
    let passed = pairs(&[[0, 0], [0, 1], [1, 1]]);
    assert_eq!(message_passing!(Relaxed, (), Relaxed, ()), all);
    assert_eq!(message_passing!(Release, (), Relaxed, ()), all);
    assert_eq!(message_passing!(Relaxed, (), Acquire, ()), all);
    assert_eq!(message_passing!(Release, (), Acquire, ()), passed);
    assert_eq!(message_passing!(SeqCst, (), SeqCst, ()), passed);
    assert_eq!(message_passing!(Relaxed, fence(Release), Relaxed, fence(Acquire)), passed);
    assert_eq!(message_passing!(Relaxed, fence(Release), Acquire, ()), passed);
    assert_eq!(message_passing!(Release, (), Relaxed, fence(Acquire)), passed);
    assert_eq!(message_passing!(Relaxed, fence(Release), Relaxed, ()), all);
    assert_eq!(message_passing!(Relaxed, (), Relaxed, fence(Acquire)), all);
}

/// C++ allows that both read 1. Here no load reads what its own thread makes possible only later.
#[test]
fn load_buffering_is_not_visited() {
    let seen = outcomes(&[
        |v| {
            let seen = load(&v[0], Relaxed);
            store(&v[1], 1, Relaxed);
            vec![seen]
        },
        |v| {
            let seen = load(&v[1], Relaxed);
            store(&v[0], 1, Relaxed);
            vec![seen]
        },
    ]);
    assert_eq!(seen, pairs(&[[0, 0], [0, 1], [1, 0]]));
}

#[test]
fn coherence_of_reads() {
    let seen = outcomes(&[
        |v| {
            store(&v[0], 1, Relaxed);
            store(&v[0], 2, Relaxed);
            NONE
        },
        |v| vec![load(&v[0], Relaxed), load(&v[0], Relaxed)],
    ]);
    assert_eq!(seen, pairs(&[[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]));
}

/// Two readers never see two stores in opposite orders.
#[test]
fn coherence_of_reads_of_two_writers() {
    let seen = outcomes(&[
        |v| {
            store(&v[0], 1, Relaxed);
            NONE
        },
        |v| {
            store(&v[0], 2, Relaxed);
            NONE
        },
        |v| vec![load(&v[0], Relaxed), load(&v[0], Relaxed)],
        |v| vec![load(&v[0], Relaxed), load(&v[0], Relaxed)],
    ]);
    let value = |order: [u64; 2], at: u64| if at == 0 { 0 } else { order[at as usize - 1] };
    let mut expected = BTreeSet::new();
    for order in [[1, 2], [2, 1]] {
        for numbers in 0..81_u64 {
            let at = [numbers / 27, numbers / 9 % 3, numbers / 3 % 3, numbers % 3];
            if at[0] <= at[1] && at[2] <= at[3] {
                expected.insert(at.map(|at| value(order, at)).to_vec());
            }
        }
    }
    assert_eq!(seen, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn coherence_of_writes() {
    let seen = with_last(&[|v| {
        store(&v[0], 1, Relaxed);
        store(&v[0], 2, Relaxed);
        NONE
    }]);
    assert_eq!(seen, [[2, 0, 0]]);
    // A thread that has read a store writes after it.
    let seen = with_last(&[
        |v| {
            store(&v[0], 1, Relaxed);
            NONE
        },
        |v| {
            let seen = load(&v[0], Relaxed);
            store(&v[0], 2, Relaxed);
            vec![seen]
        },
    ]);
    assert_eq!(seen, [[0, 1, 0, 0], [0, 2, 0, 0], [1, 2, 0, 0]]);
}

macro_rules! independent_reads {
    ($store:expr, $load:expr, $fence:expr) => {
        outcomes(&[
            |v| {
                store(&v[0], 1, $store);
                NONE
            },
            |v| {
                store(&v[1], 1, $store);
                NONE
            },
            |v| {
                let x = load(&v[0], $load);
                $fence;
                vec![x, load(&v[1], $load)]
            },
            |v| {
                let y = load(&v[1], $load);
                $fence;
                vec![y, load(&v[0], $load)]
            },
        ])
    };
}

#[test]
fn independent_reads_of_independent_writes() {
    let apart = vec![1, 0, 1, 0];
    for seen in [
        independent_reads!(Relaxed, Relaxed, ()),
        independent_reads!(Release, Acquire, ()),
        independent_reads!(Relaxed, Relaxed, fence(AcqRel)),
    ] {
        assert_eq!(seen.len(), 16);
        assert!(seen.contains(&apart));
    }
    for seen in [
        independent_reads!(SeqCst, SeqCst, ()),
        independent_reads!(Relaxed, Relaxed, fence(SeqCst)),
    ] {
        assert_eq!(seen.len(), 15);
        assert!(!seen.contains(&apart));
    }
}

macro_rules! two_and_two_writes {
    ($order:expr, $fence:expr) => {
        with_last(&[
            |v| {
                store(&v[0], 1, $order);
                $fence;
                store(&v[1], 2, $order);
                NONE
            },
            |v| {
                store(&v[1], 1, $order);
                $fence;
                store(&v[0], 2, $order);
                NONE
            },
        ])
    };
}

#[test]
fn two_and_two_writes() {
    let all = [[1, 1, 0], [1, 2, 0], [2, 1, 0], [2, 2, 0]];
    assert_eq!(two_and_two_writes!(Relaxed, ()), all);
    assert_eq!(two_and_two_writes!(Release, ()), all);
    let sequential = [[1, 2, 0], [2, 1, 0], [2, 2, 0]];
    assert_eq!(two_and_two_writes!(SeqCst, ()), sequential);
    assert_eq!(two_and_two_writes!(Relaxed, fence(SeqCst)), sequential);
}

#[test]
fn a_release_sequence_goes_through_updates_and_ends_with_a_store() {
    let seen = outcomes(&[
        |v| {
            store(&v[0], 1, Relaxed);
            store(&v[1], 1, Release);
            NONE
        },
        |v| {
            exchange(&v[1], 1, 2, Relaxed);
            NONE
        },
        |v| {
            let flag = load(&v[1], Acquire);
            vec![flag, load(&v[0], Relaxed)]
        },
    ]);
    assert_eq!(seen, pairs(&[[0, 0], [0, 1], [1, 1], [2, 1]]));
    // As in C++20, also a store of the same thread ends it.
    let seen = outcomes(&[
        |v| {
            store(&v[0], 1, Relaxed);
            store(&v[1], 1, Release);
            store(&v[1], 2, Relaxed);
            NONE
        },
        |v| {
            let flag = load(&v[1], Acquire);
            vec![flag, load(&v[0], Relaxed)]
        },
    ]);
    assert_eq!(seen, pairs(&[[0, 0], [0, 1], [1, 1], [2, 0], [2, 1]]));
}

#[test]
fn updates_are_atomic() {
    let seen = outcomes(&[
        |v| vec![add(&v[0], 1, Relaxed)],
        |v| vec![add(&v[0], 1, Relaxed)],
        |v| vec![add(&v[0], 1, Relaxed)],
    ]);
    assert_eq!(seen.len(), 6, "{seen:?}");
    let taken = with_last(&[
        |v| vec![u64::from(exchange(&v[0], 0, 1, Relaxed))],
        |v| vec![u64::from(exchange(&v[0], 0, 2, Relaxed))],
    ]);
    assert_eq!(taken, [[0, 1, 2, 0, 0], [1, 0, 1, 0, 0]]);
    // A store comes before or after the update, and never between what it reads and writes.
    let seen = with_last(&[
        |v| {
            store(&v[0], 5, Relaxed);
            NONE
        },
        |v| vec![add(&v[0], 1, Relaxed)],
    ]);
    assert_eq!(seen, [[0, 5, 0, 0], [5, 6, 0, 0]]);
}

#[test]
fn plain_accesses_race_unless_something_orders_them() {
    macro_rules! publication {
        ($store:expr, $load:expr) => {
            races(&[
                |v| {
                    plain_write(&v[2]);
                    store(&v[0], 1, $store);
                    NONE
                },
                |v| {
                    if load(&v[0], $load) == 1 {
                        plain_read(&v[2]);
                    }
                    NONE
                },
            ])
        };
    }
    assert!(publication!(Relaxed, Relaxed));
    assert!(publication!(Release, Relaxed));
    assert!(publication!(Relaxed, Acquire));
    assert!(!publication!(Release, Acquire));
    // What is seen by a SeqCst fence alone has not happened before.
    assert!(races(&[
        |v| {
            plain_write(&v[2]);
            fence(SeqCst);
            NONE
        },
        |v| {
            fence(SeqCst);
            plain_read(&v[2]);
            NONE
        },
    ]));
    assert!(!races(&[
        |v| {
            plain_read(&v[2]);
            NONE
        },
        |v| {
            plain_read(&v[2]);
            NONE
        }
    ]));
    // A later access of the same thread does not hide an earlier one.
    assert!(races(&[
        |v| {
            plain_write(&v[2]);
            store(&v[0], 1, Release);
            plain_read(&v[2]);
            NONE
        },
        |v| {
            if load(&v[0], Relaxed) == 1 {
                plain_read(&v[2]);
            }
            NONE
        },
    ]));
}

/// A thread that spins is run again when there is news, and an execution ends.
#[test]
fn loops_that_wait_are_finite() {
    let seen = outcomes(&[
        |v| {
            store(&v[1], 7, Relaxed);
            store(&v[0], 1, Release);
            NONE
        },
        |v| {
            while load(&v[0], Acquire) == 0 {
                execution::spin("says that it spins");
            }
            vec![load(&v[1], Relaxed)]
        },
    ]);
    assert_eq!(seen, [[7]]);
    let silent = outcomes(&[
        |v| {
            store(&v[0], 1, Relaxed);
            NONE
        },
        |v| {
            while load(&v[0], Relaxed) == 0 {}
            vec![u64::from(execution::silent_spins() > 0)]
        },
    ]);
    assert_eq!(silent, [[0], [1]]);
    let failure = explore(
        &[|v| {
            while load(&v[0], Relaxed) == 0 {
                execution::spin("says that it spins");
            }
            NONE
        }],
        false,
    )
    .0
    .failure;
    assert_eq!(failure.unwrap().kind, Kind::Livelock);
}

/// A weak exchange may fail though the value is there, some times, and whoever tries again succeeds,
/// whether it says that it waits or not.
#[test]
fn a_weak_exchange_fails_for_no_reason_but_not_for_ever() {
    let seen = outcomes(&[|v| vec![u64::from(exchange_weak(&v[0], 0, 1))]]);
    assert_eq!(seen, [[0], [1]]);
    let silent: Thread = |v| {
        let tries = (1..).find(|_| exchange_weak(&v[0], 0, 1));
        vec![tries.unwrap(), u64::from(execution::silent_spins())]
    };
    assert_eq!(outcomes(&[silent]), pairs(&[[1, 0], [2, 0], [3, 0], [4, 0]]));
    // A lock: the most usual loop, with the load that is often put before it, and without.
    let lock: Thread = |v| {
        while !exchange_weak(&v[0], 0, 1) {
            execution::spin("says that it spins");
        }
        let before = load(&v[1], Relaxed);
        store(&v[1], before + 1, Relaxed);
        store(&v[0], 0, Release);
        NONE
    };
    let looks_first: Thread = |v| {
        while load(&v[0], Relaxed) == 1 || !exchange_weak(&v[0], 0, 1) {
            execution::spin("says that it spins");
        }
        let before = load(&v[1], Relaxed);
        store(&v[1], before + 1, Relaxed);
        store(&v[0], 0, Release);
        NONE
    };
    for threads in [[lock, lock], [looks_first, looks_first], [lock, looks_first]] {
        let seen = with_last(&threads);
        assert_eq!(seen, [[0, 2, 0]]);
    }
}
