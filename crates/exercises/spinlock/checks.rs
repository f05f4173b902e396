//! What a spin lock must come to.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
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
        Check::modelled("waits", waits),
        Check::modelled("panic", panic_frees),
        Check::plain("bounds", bounds),
    ]);
}

fn guard() {
    let lock = SpinLock::new(vec![1]);
    let mut guard = lock.lock();
    guard.push(2);
    let value: &Vec<i32> = &guard;
    assert_eq!(value.len(), 2, "length of what the guard gives access to");
    drop(guard);
    let again = lock.try_lock();
    let again = again.expect("the lock is taken although its guard was dropped");
    let value: &Vec<i32> = &again;
    assert_eq!(*value, [1, 2], "the value under the second guard");
}

fn tries() {
    let lock = SpinLock::new(0);
    let first = lock.try_lock().expect("a new lock is free");
    assert!(lock.try_lock().is_none(), "a second guard while there is one");
    // A try that failed has changed nothing.
    assert!(lock.try_lock().is_none(), "a third guard while there is one");
    drop(first);
    assert!(lock.try_lock().is_some(), "no guard although the lock is free");
}

/// Each of two threads adds 1 in two steps.
fn excludes() {
    let lock = Arc::new(SpinLock::new(0));
    let theirs = Arc::clone(&lock);
    let other = thread::spawn(move || add(&mut theirs.lock()));
    add(&mut lock.lock());
    other.join().unwrap();
    let sum: i32 = *lock.lock();
    assert_eq!(sum, 2, "the sum, after two threads have added 1 under the lock");
}

fn add(value: &mut Guard<'_, i32>) {
    let before: i32 = **value;
    **value = before + 1;
}

fn try_excludes() {
    let lock = Arc::new(SpinLock::new(0));
    let theirs = Arc::clone(&lock);
    let try_add = |lock: &SpinLock<i32>| match lock.try_lock() {
        Some(mut guard) => {
            add(&mut guard);
            1
        }
        None => 0,
    };
    let other = thread::spawn(move || try_add(&theirs));
    let added = try_add(&lock);
    let added = added + other.join().unwrap();
    assert!(added >= 1, "neither of two threads got the lock, though nobody else had it");
    let sum: i32 = *lock.try_lock().expect("the lock is free when both are done");
    assert_eq!(sum, added, "the sum, after {added} of two threads got the lock and added 1");
}

/// The lock is taken when the other thread begins, so there is somebody who waits.
fn waits() {
    let lock = Arc::new(SpinLock::new(0));
    let theirs = Arc::clone(&lock);
    let mut guard = lock.lock();
    let other = thread::spawn(move || -> i32 { *theirs.lock() });
    *guard = 7;
    drop(guard);
    assert_eq!(other.join().unwrap(), 7, "what the thread that waited finds");
}

fn panic_frees() {
    let lock = SpinLock::new(1);
    let panics = || {
        let _guard = lock.lock();
        panic!("on purpose, with the lock");
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err(), "a panic goes on to the caller");
    assert!(lock.try_lock().is_some(), "the lock is taken after a panic of who had it");
}

/// Whether a type is `Sync`: the first of these constants is found only if it is.
struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized + Sync> Probe<T> {
    const SYNC: bool = true;
}

trait Otherwise {
    const SYNC: bool = false;
}

impl<T: ?Sized> Otherwise for Probe<T> {}

/// A `Cell` may be sent but not shared, an `Rc` neither.
fn bounds() {
    let yes = "cannot be shared between threads, though the value allows it";
    let no = "can be shared between threads, though the value does not allow it";
    assert!(Probe::<SpinLock<i32>>::SYNC, "a lock of an i32 {yes}");
    assert!(Probe::<SpinLock<Cell<i32>>>::SYNC, "a lock of a Cell, which may be sent, {yes}");
    assert!(!Probe::<SpinLock<Rc<i32>>>::SYNC, "a lock of an Rc {no}");
    assert!(!Probe::<Guard<'static, Cell<i32>>>::SYNC, "a guard of a Cell {no}");
    assert!(!Probe::<Guard<'static, Rc<i32>>>::SYNC, "a guard of an Rc {no}");
}
