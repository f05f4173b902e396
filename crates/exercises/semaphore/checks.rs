//! What a semaphore must do under every schedule.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use harness::{Check, any_of, serve, set_most_steps, until_limits_pass, until_others_block};
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
        Check::explored("try-beside-others", try_beside_others),
        Check::explored("panic-gives-back", panic_gives_back),
        Check::explored("many", many),
    ]);
}

/// Steps for checks with hundreds of threads, or thousands of operations.
const ENOUGH: u64 = 2_000_000;

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
    let fifth = semaphore.try_acquire();
    assert!(fifth.is_none(), "three permits are in use of three, but try_acquire got one");
    semaphore.add(0);
    assert!(semaphore.try_acquire().is_none(), "no permit was added, but try_acquire got one");

    let other = Semaphore::new(0);
    assert!(other.try_acquire().is_none(), "there was no permit, but try_acquire got one");
    other.add(100);
    let hundred: Vec<_> = (0..100).filter_map(|_| other.try_acquire()).collect();
    assert_eq!(hundred.len(), 100, "permits that try_acquire got of 100");
    assert!(other.try_acquire().is_none(), "100 permits of 100 are in use");
    drop(hundred);
    let hundred: Vec<_> = (0..101).filter_map(|_| other.try_acquire()).collect();
    assert_eq!(hundred.len(), 100, "permits that try_acquire got once 100 were dropped");
}

fn try_never_waits() {
    let semaphore = Arc::new(Semaphore::new(1));
    let permit = semaphore.acquire();
    let other = semaphore.clone();
    let other = start("other", move || other.try_acquire().is_some());
    assert!(!other.join().unwrap(), "the only permit is in use, but try_acquire got one");
    drop(permit);
    assert!(semaphore.try_acquire().is_some(), "a permit was dropped, but try_acquire got none");

    // Somebody waits for a permit.
    let none = Arc::new(Semaphore::new(0));
    let there = none.clone();
    let waits = start("waits", move || drop(there.acquire()));
    until_others_block();
    assert!(none.try_acquire().is_none(), "there was no permit, but try_acquire got one");
    none.add(1);
    waits.join().unwrap();

    // The clock stands still unless somebody sleeps, or waits for a time.
    let none = Semaphore::new(0);
    let begin = Instant::now();
    assert!(none.try_acquire().is_none(), "there was no permit, but try_acquire got one");
    assert_eq!(begin.elapsed(), Duration::ZERO, "time that try_acquire waited for a permit");

    // Somebody else may take the only permit at any time, and keeps it until this one has tried.
    let (tried, wait) = channel();
    let at_work = semaphore.clone();
    let keeps = start("keeps", move || {
        let permit = at_work.acquire();
        wait.recv().unwrap();
        drop(permit);
    });
    drop(semaphore.try_acquire());
    tried.send(()).unwrap();
    keeps.join().unwrap();
}

fn not_too_many() {
    three_want_one_of_two(Semaphore::new(2), Semaphore::acquire);
    let semaphore = Semaphore::new(0);
    semaphore.add(2);
    three_want_one_of_two(semaphore, |semaphore| {
        semaphore.try_acquire().unwrap_or_else(|| semaphore.acquire())
    });
}

/// Three threads want one of two permits: counts how many have one.
fn three_want_one_of_two(semaphore: Semaphore, acquire: fn(&Semaphore) -> Permit<'_>) {
    let semaphore = Arc::new(semaphore);
    let inside = Arc::new(AtomicUsize::new(0));
    let threads = ["thread A", "thread B", "thread C"].map(|name| {
        let (semaphore, inside) = (semaphore.clone(), inside.clone());
        start(name, move || {
            let permit = acquire(&semaphore);
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

    // Three wait and two are put in; then one more.
    let semaphore = Arc::new(Semaphore::new(0));
    let inside = Arc::new(AtomicUsize::new(0));
    let (done, wait) = channel();
    let wait = Arc::new(Mutex::new(wait));
    let threads = ["thread A", "thread B", "thread C"].map(|name| {
        let (semaphore, inside, wait) = (semaphore.clone(), inside.clone(), wait.clone());
        start(name, move || {
            let permit = semaphore.acquire();
            inside.fetch_add(1, SeqCst);
            wait.lock().unwrap().recv().unwrap();
            drop(permit);
        })
    });
    semaphore.add(2);
    until_others_block();
    assert_eq!(inside.load(SeqCst), 2, "threads of three that got one of two permits");
    semaphore.add(1);
    until_others_block();
    assert_eq!(inside.load(SeqCst), 3, "threads of three that got one of three permits");
    for _ in 0..3 {
        done.send(()).unwrap();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    some_wait_and_some_are_added(any_of(4), any_of(6));
}

/// Nobody who waits has a name of his own, and nobody gives back what he has got.
fn some_wait_and_some_are_added(waiting: usize, added: usize) {
    let semaphore = Arc::new(Semaphore::new(0));
    let inside = Arc::new(AtomicUsize::new(0));
    let wait = |_| {
        let (semaphore, inside) = (semaphore.clone(), inside.clone());
        start("waits", move || {
            std::mem::forget(semaphore.acquire());
            inside.fetch_add(1, SeqCst);
        })
    };
    let threads: Vec<_> = (0..waiting).map(wait).collect();
    until_others_block();
    semaphore.add(added);
    until_others_block();
    let go_on = waiting.min(added);
    let case = format!("{waiting} wait and {added} permits are added");
    assert_eq!(inside.load(SeqCst), go_on, "threads that went on where {case}");
    let left = (0..added + 1).map_while(|_| semaphore.try_acquire().map(std::mem::forget)).count();
    assert_eq!(left, added - go_on, "permits that try_acquire got afterwards, where {case}");
    semaphore.add(waiting - go_on);
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
    until_limits_pass();
    added.store(1, SeqCst);
    semaphore.add(1);
    waiter.join().unwrap();

    let permit = semaphore.acquire();
    let there = semaphore.clone();
    let waiter = start("waiter", move || drop(there.acquire()));
    until_others_block();
    drop(permit);
    waiter.join().unwrap();
}

/// There is a permit all the time, whatever two others do.
fn try_beside_others() {
    let semaphore = Arc::new(Semaphore::new(3));
    let at_work = semaphore.clone();
    let acquires = start("acquires", move || {
        for _ in 0..2 {
            drop(at_work.acquire());
        }
    });
    let at_work = semaphore.clone();
    let adds = start("adds", move || {
        at_work.add(1);
        at_work.try_acquire().is_some()
    });
    for _ in 0..2 {
        let permit = semaphore.try_acquire();
        assert!(permit.is_some(), "two permits or more are free, but try_acquire got none");
    }
    acquires.join().unwrap();
    assert!(adds.join().unwrap(), "a permit was added, but try_acquire got none");

    // One waits, and two permits are added: one is for whoever tries.
    let semaphore = Arc::new(Semaphore::new(0));
    let at_work = semaphore.clone();
    let waits = start("waits", move || drop(at_work.acquire()));
    until_others_block();
    semaphore.add(2);
    let permit = semaphore.try_acquire();
    assert!(permit.is_some(), "one waits and two permits were added, but try_acquire got none");
    waits.join().unwrap();
}

/// A permit that is dropped because its thread panics goes back as any other, and wakes who waits.
fn panic_gives_back() {
    let semaphore = Arc::new(Semaphore::new(1));
    let at_work = semaphore.clone();
    let panics = start("panics", move || {
        let _permit = at_work.acquire();
        resume_unwind(Box::new("on purpose"));
    });
    let there = semaphore.clone();
    let waits = start("waits", move || drop(there.acquire()));
    assert!(panics.join().is_err(), "a panic was swallowed");
    waits.join().unwrap();
    let permit = semaphore.try_acquire();
    assert!(permit.is_some(), "a permit was dropped in a panic, but try_acquire got none");

    // Permits are taken and added while a panic unwinds.
    let semaphore = Arc::new(Semaphore::new(1));
    let tried = Arc::new(AtomicBool::new(false));
    let clears_up = ClearsUp { semaphore: semaphore.clone(), tried: tried.clone() };
    let panics = start("panics", move || {
        let _clears_up = clears_up;
        resume_unwind(Box::new("on purpose"));
    });
    assert!(panics.join().is_err(), "a panic was swallowed");
    assert!(tried.load(SeqCst), "in a panic, try_acquire got none, and there was one");
    assert_eq!(count(&semaphore, 3), 2, "permits, once a destructor in a panic had added one to one");
}

/// Whose destructor needs permits.
struct ClearsUp {
    semaphore: Arc<Semaphore>,
    tried: Arc<AtomicBool>,
}

impl Drop for ClearsUp {
    fn drop(&mut self) {
        drop(self.semaphore.acquire());
        self.tried.store(self.semaphore.try_acquire().is_some(), SeqCst);
        self.semaphore.add(1);
    }
}

/// As many as try_acquire gives, up to `most`; all go back.
fn count(semaphore: &Semaphore, most: usize) -> usize {
    let permits: Vec<_> = (0..most).map_while(|_| semaphore.try_acquire()).collect();
    permits.len()
}

/// How many wait at once: more than can be told apart by a byte with a sign.
const WAITING: usize = 130;

/// Hundreds of permits, from the beginning and added later; more than two bytes can count; and more than
/// a hundred who wait.
fn many() {
    set_most_steps(ENOUGH);
    for permits in [300, 2000] {
        let semaphore = Semaphore::new(permits);
        let got = count(&semaphore, permits + 2);
        assert_eq!(got, permits, "permits that try_acquire got of {permits}");
        for _ in 0..300 {
            drop(semaphore.acquire());
        }
        semaphore.add(permits);
        let got = count(&semaphore, 2 * permits + 2);
        assert_eq!(got, 2 * permits, "permits that try_acquire got of {permits} and as many more");
    }
    let large = Semaphore::new((1 << 16) + 1);
    let got = (0..(1 << 16) + 2).filter(|_| large.try_acquire().map(std::mem::forget).is_some());
    assert_eq!(got.count(), (1 << 16) + 1, "permits that try_acquire got of 2^16 + 1");

    let semaphore = Arc::new(Semaphore::new(0));
    let free = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..WAITING)
        .map(|number| {
            let (semaphore, got) = (semaphore.clone(), free.clone());
            start(&format!("thread {number}"), move || {
                std::mem::forget(semaphore.acquire());
                got.fetch_add(1, SeqCst);
            })
        })
        .collect();
    until_others_block();
    for (added, now) in [(1, 1), (30, 31), (WAITING - 31, WAITING)] {
        semaphore.add(added);
        until_others_block();
        assert_eq!(free.load(SeqCst), now, "threads of {WAITING} that got one of {now} permits");
    }
    for thread in threads {
        thread.join().unwrap();
    }
}
