//! What counters must do under every schedule.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use harness::{Check, EDGES, serve, set_most_steps};
use shared_counter::Counters;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> Counters = Counters::new;
const _: fn(&Counters, usize, fn(u64) -> u64) -> u64 = Counters::update;
const _: fn(&Counters, usize) -> u64 = Counters::get;
const _: fn(&Counters) -> u64 = Counters::total;

/// No more than this may be asked of `change`.
#[allow(dead_code)]
fn any_change_will_do(counters: &Counters, change: impl Fn(u64) -> u64) -> u64 {
    counters.update(0, change)
}

fn main() {
    serve(&[
        Check::explored("one-thread", one_thread),
        Check::explored("nothing-lost", nothing_lost),
        Check::explored("any-change", any_change),
        Check::explored("own-result", own_result),
        Check::explored("no-big-lock", no_big_lock),
        Check::explored("reads-go-on", reads_go_on),
        Check::explored("outlasts", outlasts),
        Check::explored("many-counters", many_counters),
    ]);
}

/// Steps for checks with hundreds of threads, or thousands of operations.
const ENOUGH: u64 = 2_000_000;

fn start<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(name.to_owned()).spawn(f).unwrap()
}

fn one_thread() {
    let counters = Counters::new(3);
    assert_eq!(counters.update(1, |x| x + 5), 5, "the value of a counter after adding 5");
    assert_eq!(counters.update(1, |x| x * 2), 10, "the value after doubling 5");
    assert_eq!(counters.update(2, |x| x + 1), 1, "the value of another counter after adding 1");
    let values = [0, 1, 2].map(|slot| counters.get(slot));
    assert_eq!(values, [0, 10, 1], "the values of the three counters");
    assert_eq!(counters.total(), 11, "the sum of the counters");

    // No value is special.
    let other = Counters::new(130);
    for value in EDGES.into_iter().chain([1, 0]) {
        assert_eq!(other.update(129, |_| value), value, "the value of a counter after a change");
        assert_eq!(other.get(129), value, "the value of the last of 130 counters");
        assert_eq!(other.update(129, |x| x), value, "the value after a change to the same");
        assert_eq!(other.total(), value, "the sum of one counter and 129 that are 0");
    }
    other.update(129, |_| 7);
    let others = (0..129).map(|slot| other.get(slot)).sum::<u64>();
    assert_eq!(others, 0, "the sum of 129 counters that nobody has changed");
    assert_eq!(counters.total(), 11, "the sum of the counters, after others were changed");

    for slot in [3, 4, 6, 259, usize::MAX] {
        let panics = |does: fn(&Counters, usize) -> u64| {
            let counters = Counters::new(3);
            catch_unwind(AssertUnwindSafe(|| does(&counters, slot))).is_err()
        };
        assert!(panics(Counters::get), "get of counter {slot}, of counters 0 to 2, did not panic");
        let update = panics(|counters, slot| counters.update(slot, |x| x + 1));
        assert!(update, "update of counter {slot}, of counters 0 to 2, did not panic");
    }
    assert_eq!(Counters::new(0).total(), 0, "the sum of no counters");
}

fn nothing_lost() {
    let counters = Arc::new(Counters::new(2));
    let threads = ["thread A", "thread B"].map(|name| {
        let counters = counters.clone();
        start(name, move || {
            for slot in [0, 1, 0] {
                counters.update(slot, |x| x + 1);
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let values = [0, 1].map(|slot| counters.get(slot));
    assert_eq!(values, [4, 2], "the values after 4 and 2 additions of 1, by two threads");
    assert_eq!(counters.total(), 6, "the sum of the counters");
}

/// What a change adds depends on what it finds.
fn any_change() {
    let counters = Arc::new(Counters::new(1));
    counters.update(0, |_| 10);
    let to_double = counters.clone();
    let doubles = start("doubles", move || to_double.update(0, |x| x * 2));
    let to_triple = counters.clone();
    let triples = start("triples", move || to_triple.update(0, |x| x * 3));
    doubles.join().unwrap();
    triples.join().unwrap();
    assert_eq!(counters.get(0), 60, "the value after 10 was doubled and tripled");

    // A change that answers, for 10, what some other change would answer as well.
    const ANSWERS: [u64; 7] = [11, 9, 10, 0, 20, 5, u64::MAX];
    let counters = Arc::new(Counters::new(ANSWERS.len()));
    for slot in 0..ANSWERS.len() {
        counters.update(slot, |_| 10);
    }
    let at_work = counters.clone();
    let triples = start("triples", move || {
        for slot in 0..ANSWERS.len() {
            at_work.update(slot, |x| x.wrapping_mul(3).wrapping_add(1));
        }
    });
    for (slot, answer) in ANSWERS.into_iter().enumerate() {
        counters.update(slot, |x| if x == 10 { answer } else { 1000 });
    }
    triples.join().unwrap();
    for (slot, answer) in ANSWERS.into_iter().enumerate() {
        let value: u64 = counters.get(slot);
        let expected = [answer.wrapping_mul(3).wrapping_add(1), 1000];
        let what = format!("a change from 10 to {answer} or 31 to 1000, and one from x to 3x + 1");
        assert!(expected.contains(&value), "the value is {value} after {what}");
    }
}

fn own_result() {
    let counters = Arc::new(Counters::new(1));
    let threads = ["thread A", "thread B"].map(|name| {
        let counters = counters.clone();
        start(name, move || counters.update(0, |x| x + 1))
    });
    let mut results: [u64; 2] = threads.map(|thread| thread.join().unwrap());
    results.sort();
    assert_eq!(results, [1, 2], "what two additions of 1 returned");

    // A change that answers differently each time.
    let (calls, last) = (Cell::new(0), Cell::new(0));
    let counters = Arc::new(Counters::new(1));
    let at_work = counters.clone();
    let adds = start("adds", move || at_work.update(0, |x| x + 1));
    let result = counters.update(0, |x| {
        calls.set(calls.get() + 1);
        last.set(x + 100 * calls.get());
        last.get()
    });
    assert_eq!(result, last.get(), "what an update returned, beside the last answer of `change`");
    let added = adds.join().unwrap();
    let now = counters.get(0);
    let expected = if added < result { result } else { result + 1 };
    assert_eq!(now, expected, "the counter, after an update that returned {result} and one of 1");
}

/// Three changes of three counters, each of which ends only after all have begun. A change may be
/// made anew, so each waits the first time only. One more change of the first counter comes at any
/// time, and must not be lost.
fn no_big_lock() {
    let counters = Arc::new(Counters::new(3));
    let meeting = Arc::new(Barrier::new(3));
    let threads = ["thread A", "thread B", "thread C"];
    let threads = [0, 1, 2].map(|slot| {
        let (counters, meeting) = (counters.clone(), meeting.clone());
        start(threads[slot], move || {
            let first = AtomicBool::new(true);
            counters.update(slot, |x| {
                if first.swap(false, SeqCst) {
                    meeting.wait();
                }
                x + 1
            })
        })
    });
    counters.update(0, |x| x + 10);
    for thread in threads {
        thread.join().unwrap();
    }
    let values = [0, 1, 2].map(|slot| counters.get(slot));
    assert_eq!(values, [11, 1, 1], "the values after adding 1 to each, and 10 to the first");
}

/// A change of one counter that ends only after another one has been changed and read. Then the
/// first counter is changed here too.
fn reads_go_on() {
    let counters = Arc::new(Counters::new(2));
    let (go, wait) = channel();
    let slow = counters.clone();
    let slow = start("slow change", move || {
        let first = AtomicBool::new(true);
        slow.update(0, |x| {
            if first.swap(false, SeqCst) {
                wait.recv().unwrap();
            }
            x + 1
        })
    });
    assert_eq!(counters.update(1, |x| x + 1), 1, "the value of a counter after adding 1");
    assert_eq!(counters.get(1), 1, "the value of a counter after adding 1");
    go.send(()).unwrap();
    counters.update(0, |x| x + 10);
    slow.join().unwrap();
    assert_eq!(counters.get(0), 11, "the value of a counter after adding 10 and, slowly, 1");

    slow_change_of(0, 20);
    slow_change_of(7, 20);
    two_slow_changes([0, 1]);
    two_slow_changes([1, 0]);
}

/// Two counters are changed slowly, and for each of them somebody waits. The first change ends; whoever
/// waited for it goes on, though the second lasts.
fn two_slow_changes(slots: [usize; 2]) {
    let counters = Arc::new(Counters::new(slots[0].max(slots[1]) + 1));
    let (begins, begun) = channel();
    let slow = slots.map(|slot| {
        let (go, wait) = channel::<()>();
        let (counters, begins) = (counters.clone(), begins.clone());
        let change = start(&format!("slow change of {slot}"), move || {
            let first = AtomicBool::new(true);
            counters.update(slot, |x| {
                if first.swap(false, SeqCst) {
                    begins.send(()).unwrap();
                    wait.recv().unwrap();
                }
                x + 1
            })
        });
        begun.recv().unwrap();
        (go, change)
    });
    let waiting = slots.map(|slot| {
        let counters = counters.clone();
        start(&format!("adds to {slot}"), move || counters.update(slot, |x| x + 10))
    });
    // Until they wait, if they have to.
    for _ in 0..10 {
        sleep(Duration::from_millis(1));
    }
    for ((go, change), waits) in slow.into_iter().zip(waiting) {
        go.send(()).unwrap();
        change.join().unwrap();
        waits.join().unwrap();
    }
    let values = slots.map(|slot| counters.get(slot));
    assert_eq!(values, [11, 11], "two counters after adding 10 and, slowly, 1");
}

/// So many counters that two of them would share something, if there were fewer of it.
fn many_counters() {
    set_most_steps(ENOUGH);
    slow_change_of(0, 4200);
    comes_round(1 << 16);
    for _ in 0..3 {
        two_slow_changes([0, 1 << 12]);
        two_slow_changes([1 << 12, 0]);
    }

    let counters = Counters::new((1 << 16) + 2);
    assert_eq!(counters.update(1 << 16, |x| x + 7), 7, "the value of counter 2^16 after adding 7");
    assert_eq!(counters.get(0), 0, "counter 0, after only counter 2^16 was changed");
}

/// While a change is made, somebody else changes the same counter, each time that it is made anew: a
/// hundred times. Where changes wait for each other, it is made once.
fn outlasts() {
    set_most_steps(ENOUGH);
    comes_round(1 << 8);
    const TIMES: u64 = 100;
    let counters = Arc::new(Counters::new(1));
    let added = Arc::new(AtomicU64::new(0));
    let (asks, asked) = channel();
    let (at_work, adds) = (counters.clone(), added.clone());
    let other = start("other", move || {
        for () in asked {
            at_work.update(0, |x| x + 1);
            adds.fetch_add(1, SeqCst);
        }
    });
    let calls = Cell::new(0);
    let result = counters.update(0, |x| {
        if calls.get() < TIMES {
            calls.set(calls.get() + 1);
            asks.send(()).unwrap();
            // Not longer, because the other one may have to wait for this change.
            let done = || added.load(SeqCst) == calls.get();
            let _ = (0..100).find(|_| {
                done() || {
                    sleep(Duration::from_millis(1));
                    done()
                }
            });
        }
        x + 1000
    });
    drop(asks);
    other.join().unwrap();
    let calls = calls.get();
    assert!(result >= 1000, "an update that adds 1000 returned {result}");
    let now = counters.get(0);
    assert_eq!(
        now,
        1000 + calls,
        "the counter, after adding 1000, and 1 for each of {calls} times"
    );
}

/// While a change is made, once, somebody else changes the same counter so often that a count of eight
/// bits, or of sixteen, is the same again. Where changes wait for each other, they come later.
fn comes_round(times: u64) {
    let counters = Arc::new(Counters::new(1));
    let added = Arc::new(AtomicU64::new(0));
    let (asks, asked) = channel();
    let (at_work, adds) = (counters.clone(), added.clone());
    let other = start("other", move || {
        for () in asked {
            for _ in 0..times {
                at_work.update(0, |x| x + 1);
                adds.fetch_add(1, SeqCst);
            }
        }
    });
    let first = Cell::new(true);
    let result = counters.update(0, |x| {
        if first.replace(false) {
            asks.send(()).unwrap();
            // Until it comes no further, because it may have to wait for this change.
            let (mut seen, mut looks) = (0, 0);
            while seen < times && looks < 100 {
                sleep(Duration::from_millis(1));
                let now = added.load(SeqCst);
                looks = if now == seen { looks + 1 } else { 0 };
                seen = now;
            }
        }
        x + 1000
    });
    drop(asks);
    other.join().unwrap();
    assert!(result >= 1000, "an update that adds 1000 returned {result}");
    let now = counters.get(0);
    assert_eq!(
        now,
        1000 + times,
        "the counter, after adding 1000, and 1 for {times} times meanwhile"
    );
}

/// Of so many counters, one is changed slowly. All others can be changed and read, also if somebody
/// waits to read that one, or the sum of all.
fn slow_change_of(slot: usize, number: usize) {
    let counters = Arc::new(Counters::new(number));
    counters.update(slot, |_| 5);
    let (begins, begun) = channel();
    let (go, wait) = channel();
    let changed = counters.clone();
    let slow = start("slow change", move || {
        let first = AtomicBool::new(true);
        changed.update(slot, |x| {
            if first.swap(false, SeqCst) {
                begins.send(()).unwrap();
                wait.recv().unwrap();
            }
            x + 1
        })
    });
    begun.recv().unwrap();
    let looker = counters.clone();
    let looker = start("looker", move || looker.get(slot));
    let adder = counters.clone();
    let adder = start("adder", move || adder.total());
    for other in (0..number).filter(|other| *other != slot) {
        assert_eq!(counters.update(other, |x| x + 1), 1, "counter {other} after adding 1");
        assert_eq!(counters.get(other), 1, "counter {other} after adding 1");
    }
    go.send(()).unwrap();
    assert_eq!(slow.join().unwrap(), 6, "the value of a counter after adding 1 to 5, slowly");
    let seen = looker.join().unwrap();
    assert!([5, 6].contains(&seen), "a counter that was changed from 5 to 6 was seen at {seen}");
    adder.join().unwrap();
    let sum = number as u64 - 1 + 6;
    assert_eq!(counters.total(), sum, "the sum of {number} counters, one of them 6, the others 1");
}
