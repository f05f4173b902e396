//! What a semaphore must do under every schedule.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use harness::{Check, serve, until_others_block};
use semaphore::{Permit, Semaphore};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> Semaphore = Semaphore::new;
const _: fn(&Semaphore) -> Permit<'_> = Semaphore::acquire;
const _: fn(&Semaphore) -> Option<Permit<'_>> = Semaphore::try_acquire;
const _: fn(&Semaphore, usize) = Semaphore::add;

fn main() {
    serve(&[
        Check::explored("one-thread", one_thread),
        Check::explored("try-never-waits", try_never_waits),
        Check::explored("not-too-many", not_too_many),
        Check::explored("at-the-same-time", at_the_same_time),
        Check::explored("each-wakes-one", each_wakes_one),
        Check::explored("add-wakes-as-many", add_wakes_as_many),
        Check::explored("waits-asleep", waits_asleep),
    ]);
}

fn start<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(name.to_owned()).spawn(f).unwrap()
}

fn one_thread() {
    let semaphore = Semaphore::new(2);
    let first = semaphore.acquire();
    let second = semaphore.try_acquire();
    assert!(second.is_some(), "one of two permits is in use, but try_acquire got none");
    drop(first);
    drop(semaphore.acquire());
    let third = semaphore.try_acquire();
    assert!(third.is_some(), "a permit was dropped, but try_acquire got none");
    semaphore.add(1);
    let fourth = semaphore.try_acquire();
    assert!(fourth.is_some(), "a permit was added, but try_acquire got none");
}

fn try_never_waits() {
    let semaphore = Arc::new(Semaphore::new(1));
    let permit = semaphore.acquire();
    let other = semaphore.clone();
    let other = start("other", move || other.try_acquire().is_some());
    assert!(!other.join().unwrap(), "the only permit is in use, but try_acquire got one");
    drop(permit);
    assert!(semaphore.try_acquire().is_some(), "a permit was dropped, but try_acquire got none");
}

/// Three threads want one of two permits: counts how many have one.
fn not_too_many() {
    let semaphore = Arc::new(Semaphore::new(2));
    let inside = Arc::new(AtomicUsize::new(0));
    let threads = ["thread A", "thread B", "thread C"].map(|name| {
        let (semaphore, inside) = (semaphore.clone(), inside.clone());
        start(name, move || {
            let permit = semaphore.acquire();
            let now = inside.fetch_add(1, SeqCst) + 1;
            assert!(now <= 2, "{now} threads have one of 2 permits");
            inside.fetch_sub(1, SeqCst);
            drop(permit);
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Two threads with a permit wait for each other.
fn at_the_same_time() {
    let semaphore = Arc::new(Semaphore::new(2));
    let meeting = Arc::new(Barrier::new(2));
    let threads = ["thread A", "thread B"].map(|name| {
        let (semaphore, meeting) = (semaphore.clone(), meeting.clone());
        start(name, move || {
            let permit = semaphore.acquire();
            meeting.wait();
            drop(permit);
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Two threads that need a permit and find none until `free` says how many there are. They keep
/// theirs until the other has one, so both must be told.
fn two_that_wait(semaphore: &Arc<Semaphore>, free: &Arc<AtomicUsize>) -> [JoinHandle<()>; 2] {
    let meeting = Arc::new(Barrier::new(2));
    let inside = Arc::new(AtomicUsize::new(0));
    ["thread A", "thread B"].map(|name| {
        let (semaphore, meeting) = (semaphore.clone(), meeting.clone());
        let (inside, free) = (inside.clone(), free.clone());
        start(name, move || {
            let permit = semaphore.acquire();
            let (now, free) = (inside.fetch_add(1, SeqCst) + 1, free.load(SeqCst));
            assert!(now <= free, "{now} threads have got a permit, and {free} were free");
            meeting.wait();
            drop(permit);
        })
    })
}

/// Two permits go back one after the other.
fn each_wakes_one() {
    let semaphore = Arc::new(Semaphore::new(2));
    let free = Arc::new(AtomicUsize::new(0));
    let permits = [semaphore.acquire(), semaphore.acquire()];
    let threads = two_that_wait(&semaphore, &free);
    for permit in permits {
        free.fetch_add(1, SeqCst);
        drop(permit);
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

/// As a signal: no permits in the beginning, two are put in at once.
fn add_wakes_as_many() {
    let semaphore = Arc::new(Semaphore::new(0));
    let free = Arc::new(AtomicUsize::new(0));
    let threads = two_that_wait(&semaphore, &free);
    free.store(2, SeqCst);
    semaphore.add(2);
    for thread in threads {
        thread.join().unwrap();
    }
}

fn waits_asleep() {
    let semaphore = Arc::new(Semaphore::new(0));
    let added = Arc::new(AtomicUsize::new(0));
    let (there, look) = (semaphore.clone(), added.clone());
    let waiter = start("waiter", move || {
        let permit = there.acquire();
        assert_eq!(look.load(SeqCst), 1, "permits that were added when acquire got one");
        drop(permit);
    });
    until_others_block();
    added.store(1, SeqCst);
    semaphore.add(1);
    waiter.join().unwrap();
}
