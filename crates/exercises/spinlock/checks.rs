//! What a spin lock must come to.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use harness::{Check, serve};
use spinlock::{Guard, SpinLock};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(i32) -> SpinLock<i32> = SpinLock::new;
const _: fn(&SpinLock<i32>) -> Guard<'_, i32> = SpinLock::lock;
const _: fn(&SpinLock<i32>) -> Option<Guard<'_, i32>> = SpinLock::try_lock;
const _: fn(&mut Guard<'static, i32>) = |guard| drop::<&mut i32>(guard);

fn main() {
    serve(&[
        Check::modelled("guard", guard),
        Check::modelled("tries", tries),
        Check::modelled("excludes", excludes),
        Check::modelled("try-excludes", try_excludes),
        Check::modelled("both-ways", both_ways),
        Check::modelled("waits", waits),
        Check::modelled("panic", panic_frees),
        Check::modelled("drops", drops),
        Check::plain("bounds", bounds),
    ]);
}

/// So many locks that two of them would share something, if there were fewer of it.
const MANY: usize = 260;

fn guard() {
    let lock = SpinLock::new(vec![1]);
    let mut guard = lock.lock();
    guard.push(2);
    let value: &Vec<i32> = &guard;
    assert_eq!(value.len(), 2, "length of what the guard gives access to");
    let other = SpinLock::new([7_u64; 9]);
    let second = other.try_lock().expect("another lock is free while this one is taken");
    let value: &[u64; 9] = &second;
    assert_eq!(*value, [7; 9], "the value of another lock");
    drop(second);
    assert!(lock.try_lock().is_none(), "this lock is free although only another one was unlocked");
    drop(guard);
    let again = lock.try_lock();
    let again = again.expect("the lock is taken although its guard was dropped");
    let value: &Vec<i32> = &again;
    assert_eq!(*value, [1, 2], "the value under the second guard");
    drop(again);
    for _ in 0..3 {
        drop(lock.lock());
    }
    let empty = SpinLock::new(());
    let first = empty.lock();
    assert!(empty.try_lock().is_none(), "a second guard of a lock of (), while there is one");
    drop(first);
}

/// The most atomic operations of a `try_lock` that does not wait.
const FEW: u32 = 8;

fn tries() {
    let lock = SpinLock::new(0);
    let first = lock.try_lock().expect("a new lock is free");
    let (waits, operations) = (harness::waits(), harness::operations());
    assert!(lock.try_lock().is_none(), "a second guard while there is one");
    let (waits, operations) = (harness::waits() - waits, harness::operations() - operations);
    let how = harness::last_wait().unwrap_or_default();
    assert!(waits == 0, "try_lock waits: with the lock taken, it {how}");
    assert!(
        operations <= FEW,
        "try_lock waits: with the lock taken, it made {operations} atomic operations"
    );
    // A try that failed has changed nothing.
    assert!(lock.try_lock().is_none(), "a third guard while there is one");
    drop(first);
    assert!(lock.try_lock().is_some(), "no guard although the lock is free");
    drop(lock.lock());
    assert!(lock.try_lock().is_some(), "no guard although what lock gave was dropped");
}

/// Each thread adds 1 in two steps.
fn excludes() {
    let lock = Arc::new(SpinLock::new(0));
    let theirs = Arc::clone(&lock);
    let other = thread::spawn(move || add(&mut theirs.lock()));
    add(&mut lock.lock());
    add(&mut lock.lock());
    other.join().unwrap();
    let sum: i32 = *lock.lock();
    assert_eq!(sum, 3, "the sum, after two threads have added 1 three times under the lock");
}

fn add(value: &mut Guard<'_, i32>) {
    let before: i32 = **value;
    **value = before + 1;
}

fn try_add(lock: &SpinLock<i32>) -> i32 {
    match lock.try_lock() {
        Some(mut guard) => {
            add(&mut guard);
            1
        }
        None => 0,
    }
}

fn try_excludes() {
    let lock = Arc::new(SpinLock::new(0));
    let theirs = Arc::clone(&lock);
    let other = thread::spawn(move || try_add(&theirs));
    let added = try_add(&lock);
    let added = added + other.join().unwrap();
    assert!(added >= 1, "neither of two threads got the lock, though nobody else had it");
    let sum: i32 = *lock.try_lock().expect("the lock is free when both are done");
    assert_eq!(sum, added, "the sum, after {added} of two threads got the lock and added 1");
}

/// Two threads lock, and one tries meanwhile.
fn both_ways() {
    let lock = Arc::new(SpinLock::new(0));
    let (second, third) = (Arc::clone(&lock), Arc::clone(&lock));
    let second = thread::spawn(move || add(&mut second.lock()));
    let third = thread::spawn(move || try_add(&third));
    add(&mut lock.lock());
    second.join().unwrap();
    let added = 2 + third.join().unwrap();
    let sum: i32 = *lock.lock();
    assert_eq!(sum, added, "the sum, after two threads locked, and one that tried, to add 1 each");
}

/// How long the lock stays taken while somebody waits: longer than anybody's patience.
const LONG: u32 = 300;

/// The lock is taken when the other thread begins, so there is somebody who waits.
fn waits() {
    let lock = Arc::new(SpinLock::new(0));
    let entered = Arc::new(AtomicBool::new(false));
    let (theirs, enters) = (Arc::clone(&lock), Arc::clone(&entered));
    let mut guard = lock.lock();
    let other = thread::spawn(move || -> i32 {
        let guard = theirs.lock();
        enters.store(true, Ordering::Relaxed);
        *guard
    });
    for _ in 0..LONG {
        assert!(!entered.load(Ordering::Relaxed), "lock returned although the lock was taken");
        thread::yield_now();
    }
    *guard = 7;
    drop(guard);
    assert_eq!(other.join().unwrap(), 7, "what the thread that waited finds");
    let silent = harness::silent_spins();
    assert_eq!(
        silent, 0,
        "times that a thread looked again and again without std::hint::spin_loop"
    );
}

fn panic_frees() {
    for with in ["lock", "try_lock"] {
        let lock = SpinLock::new(1);
        let panics = || {
            let _guard = if with == "lock" { Some(lock.lock()) } else { lock.try_lock() };
            panic!("on purpose, with the lock");
        };
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err(), "a panic goes on to the caller");
        assert!(
            lock.try_lock().is_some(),
            "the lock is taken after a panic of who had it, by {with}"
        );
    }
}

/// A value that counts how often it is dropped.
struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn drops() {
    let count = Arc::new(AtomicU32::new(0));
    let dropped = || count.load(Ordering::Relaxed);
    let lock = SpinLock::new(Counted(Arc::clone(&count)));
    drop(lock.lock());
    drop(lock.try_lock());
    assert_eq!(
        dropped(),
        0,
        "times that the value was dropped, with guards, while its lock is there"
    );
    *lock.lock() = Counted(Arc::clone(&count));
    assert_eq!(dropped(), 1, "times that a value was dropped, after another was put in its place");
    drop(lock);
    assert_eq!(dropped(), 2, "of two values, one after the other in a lock, dropped with the lock");
    let before = harness::allocated();
    let lock = SpinLock::new([1_u64; 9]);
    drop(lock.lock());
    drop(lock);
    let left = harness::allocated().saturating_sub(before);
    assert_eq!(left, 0, "bytes of a lock that stay allocated when it is gone");
}

/// Whether a type is `Sync` or `Send`: the first of these constants is found only if it is.
struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized + Sync> Probe<T> {
    const SYNC: bool = true;
}

impl<T: ?Sized + Send> Probe<T> {
    const SEND: bool = true;
}

trait Otherwise {
    const SYNC: bool = false;
    const SEND: bool = false;
}

impl<T: ?Sized> Otherwise for Probe<T> {}

/// As a `MutexGuard` may: it must be dropped where it was made.
struct SharedNotSent {
    _made_here: *const (),
}

// SAFETY: there is nothing in it that a shared reference could be used for.
unsafe impl Sync for SharedNotSent {}

/// A `Cell` may be sent but not shared, an `Rc` neither.
fn bounds() {
    // Here and not in `guard`, whose counter-examples would have a line for each.
    let locks: Vec<_> = (0..MANY).map(|number| SpinLock::new(number)).collect();
    let taken = locks.iter().map_while(SpinLock::try_lock).collect::<Vec<_>>().len();
    assert_eq!(taken, MANY, "locks of {MANY} that were had at the same time");

    let yes = "cannot be shared between threads, though the value allows it";
    let no = "can be shared between threads, though the value does not allow it";
    assert!(Probe::<SpinLock<i32>>::SYNC, "a lock of an i32 {yes}");
    assert!(Probe::<SpinLock<Cell<i32>>>::SYNC, "a lock of a Cell, which may be sent, {yes}");
    assert!(!Probe::<SpinLock<Rc<i32>>>::SYNC, "a lock of an Rc {no}");
    let shared = "a lock of a value that may be shared and not sent";
    assert!(!Probe::<SpinLock<SharedNotSent>>::SYNC, "{shared} {no}");
    assert!(Probe::<Guard<'static, i32>>::SYNC, "a guard of an i32 {yes}");
    assert!(!Probe::<Guard<'static, Cell<i32>>>::SYNC, "a guard of a Cell {no}");
    assert!(!Probe::<Guard<'static, Rc<i32>>>::SYNC, "a guard of an Rc {no}");
    let yes = "cannot be sent to another thread, though the value can";
    let no = "can be sent to another thread, though the value cannot";
    assert!(Probe::<SpinLock<i32>>::SEND, "a lock of an i32 {yes}");
    assert!(Probe::<SpinLock<Cell<i32>>>::SEND, "a lock of a Cell {yes}");
    assert!(!Probe::<SpinLock<Rc<i32>>>::SEND, "a lock of an Rc {no}");
    assert!(!Probe::<Guard<'static, Rc<i32>>>::SEND, "a guard of an Rc {no}");
}
