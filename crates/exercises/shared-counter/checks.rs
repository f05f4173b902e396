//! What counters must do under every schedule.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use harness::{Check, serve};
use shared_counter::Counters;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> Counters = Counters::new;
const _: fn(&Counters, usize, fn(u64) -> u64) -> u64 = Counters::update;
const _: fn(&Counters, usize) -> u64 = Counters::get;
const _: fn(&Counters) -> u64 = Counters::total;

fn main() {
    serve(&[
        Check::explored("one-thread", one_thread),
        Check::explored("nothing-lost", nothing_lost),
        Check::explored("any-change", any_change),
        Check::explored("own-result", own_result),
        Check::explored("no-big-lock", no_big_lock),
        Check::explored("reads-go-on", reads_go_on),
    ]);
}

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
}
