//! Mutexes, reader-writer locks, condition variables, barriers, atomics.

use std::time::Duration;

use explorer::explored::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use explorer::explored::sync::{
    Arc, Barrier, Condvar, Mutex, RwLock, RwLockWriteGuard, TryLockError,
};
use explorer::explored::{hint, panic, thread};
use explorer::report::Kind;

use crate::Case;

pub const CASES: &[Case] = &[
    ("a panic poisons what its thread has locked", poisons, None),
    ("a reader's panic poisons nothing", reader_poisons_nothing, None),
    ("a lock that is taken while unwinding is not poisoned", locks_while_unwinding, None),
    ("try_lock finds it locked, or not", try_lock, None),
    ("locks of values without a size", unsized_values, None),
    ("a lock that is shown", shown, None),
    ("readers share", readers_share, None),
    ("whoever waits to write comes before new readers", writer_first, Some(Kind::Deadlock)),
    ("a writer gets in between readers that come and go", writer_gets_in, None),
    ("a writer becomes a reader", downgrade, None),
    ("a wait in a loop", waits_in_a_loop, None),
    ("a wait without a loop", waits_once, Some(Kind::Panic)),
    ("a wake-up that nobody waits for is lost", lost_wake_up, Some(Kind::Deadlock)),
    ("one of two is woken", wakes_one, Some(Kind::Deadlock)),
    ("wait_timeout_while ends, and says how", wait_timeout_while, None),
    ("one thread of each round leads", barrier, None),
    ("a barrier for nobody", barrier_of_none, None),
    ("swap as a lock, with a hint", swap_lock, None),
    ("swap as a lock, without a hint", bare_swap_lock, None),
    ("a weak exchange may fail", weak_exchange, Some(Kind::Panic)),
    ("what atomics return", atomics, None),
    ("locks in statics are free in each execution", statics, None),
];

fn poisons() {
    let lock = Arc::new(Mutex::new(1));
    let other = lock.clone();
    let thread = thread::spawn(move || {
        let _guard = other.lock().unwrap();
        panic!("while it is locked");
    });
    assert!(thread.join().is_err());
    assert!(lock.is_poisoned());
    assert_eq!(*lock.lock().unwrap_err().into_inner(), 1);
    lock.clear_poison();
    assert!(lock.lock().is_ok());
}

fn reader_poisons_nothing() {
    let lock = Arc::new(RwLock::from(1));
    let others = [(); 2].map(|()| lock.clone());
    let [reads, writes] = others;
    let reader = thread::spawn(move || {
        let _guard = reads.read().unwrap();
        panic!("while it reads");
    });
    assert!(reader.join().is_err() && !lock.is_poisoned());
    let writer = thread::spawn(move || {
        let _guard = writes.write().unwrap();
        panic!("while it writes");
    });
    assert!(writer.join().is_err() && lock.is_poisoned());
    lock.clear_poison();
    assert_eq!(*lock.read().unwrap(), 1);
}

fn locks_while_unwinding() {
    struct Locks<'a>(&'a Mutex<u32>);
    impl Drop for Locks<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let lock = Mutex::new(0);
    let caught = panic::catch_unwind(|| {
        let _locks = Locks(&lock);
        panic!("unwinds");
    });
    assert!(caught.is_err());
    assert_eq!(lock.into_inner().unwrap(), 1);
}

fn try_lock() {
    let lock = Mutex::new(0);
    let guard = lock.try_lock().unwrap();
    assert!(matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
    drop(guard);
    assert!(lock.try_lock().is_ok());
}

fn unsized_values() {
    let lock: Arc<Mutex<[u32]>> = Arc::new(Mutex::new([1, 2]));
    lock.lock().unwrap()[1] = 5;
    let shared: &RwLock<dyn Fn() -> u32> = &RwLock::new(|| 3);
    assert_eq!((lock.lock().unwrap()[1], (shared.read().unwrap())()), (5, 3));
}

fn shown() {
    let lock = Mutex::new(1);
    assert_eq!(format!("{lock:?}"), format!("{:?}", std::sync::Mutex::new(1)));
    let guard = lock.lock().unwrap();
    assert!(format!("{lock:?} {guard}").contains("<locked>"));
}

/// Each of two readers waits inside for the other one.
fn readers_share() {
    let (lock, meeting) = (RwLock::new(1), Barrier::new(2));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let value = lock.read().unwrap();
                meeting.wait();
                assert_eq!(*value, 1);
            });
        }
    });
}

/// A thread that reads twice at a time, and a writer that comes in between.
fn writer_first() {
    let lock = RwLock::new(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            let first = lock.read().unwrap();
            let second = lock.read().unwrap();
            assert_eq!(*first, *second);
        });
        scope.spawn(|| *lock.write().unwrap() = 2);
    });
}

/// Readers that never leave the lock alone, until somebody has written.
fn writer_gets_in() {
    let lock = RwLock::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| while !*lock.read().unwrap() {});
        }
        scope.spawn(|| *lock.write().unwrap() = true);
    });
}

fn downgrade() {
    let lock = RwLock::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut guard = lock.write().unwrap();
            *guard = 1;
            let guard = RwLockWriteGuard::downgrade(guard);
            assert_eq!(*guard, 1, "nobody has written in between");
        });
        scope.spawn(|| *lock.write().unwrap() = 2);
    });
}

fn pair() -> Arc<(Mutex<u32>, Condvar)> {
    Arc::new((Mutex::new(0), Condvar::new()))
}

fn waits_in_a_loop() {
    let pair = pair();
    let other = pair.clone();
    let thread = thread::spawn(move || {
        *other.0.lock().unwrap() = 1;
        other.1.notify_one();
    });
    let value = pair.1.wait_while(pair.0.lock().unwrap(), |value| *value == 0).unwrap();
    assert_eq!(*value, 1);
    drop(value);
    thread.join().unwrap();
}

fn waits_once() {
    let pair = pair();
    let other = pair.clone();
    let thread = thread::spawn(move || {
        *other.0.lock().unwrap() = 1;
        other.1.notify_one();
    });
    let mut value = pair.0.lock().unwrap();
    if *value == 0 {
        value = pair.1.wait(value).unwrap();
    }
    assert_eq!(*value, 1);
    drop(value);
    thread.join().unwrap();
}

fn lost_wake_up() {
    let pair = pair();
    let other = pair.clone();
    let thread = thread::spawn(move || other.1.notify_one());
    let guard = pair.0.lock().unwrap();
    drop(pair.1.wait(guard).unwrap());
    thread.join().unwrap();
}

fn wakes_one() {
    let pair = pair();
    let waits = |pair: Arc<(Mutex<u32>, Condvar)>| {
        thread::spawn(move || {
            let guard = pair.0.lock().unwrap();
            drop(pair.1.wait_while(guard, |value| *value == 0).unwrap());
        })
    };
    let threads = [waits(pair.clone()), waits(pair.clone())];
    *pair.0.lock().unwrap() = 1;
    pair.1.notify_one();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn wait_timeout_while() {
    let pair = pair();
    let guard = pair.0.lock().unwrap();
    let limit = Duration::from_secs(60);
    let (guard, over) = pair.1.wait_timeout_while(guard, limit, |value| *value == 0).unwrap();
    assert!(over.timed_out());
    let (_guard, over) = pair.1.wait_timeout_while(guard, limit, |value| *value == 1).unwrap();
    assert!(!over.timed_out());
}

fn barrier() {
    let (barrier, leaders) = (Barrier::new(2), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for round in 1..=2 {
                    leaders.fetch_add(barrier.wait().is_leader().into(), SeqCst);
                    barrier.wait();
                    assert_eq!(leaders.load(SeqCst), round);
                    barrier.wait();
                }
            });
        }
    });
}

fn barrier_of_none() {
    assert!(Barrier::new(0).wait().is_leader());
}

/// A lock of one bit, for which a thread turns in circles.
fn turns(circle: fn()) {
    let (locked, value) = (AtomicU32::new(0), Mutex::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while locked.swap(1, SeqCst) == 1 {
                    circle();
                }
                *value.try_lock().unwrap() += 1;
                locked.store(0, SeqCst);
            });
        }
    });
    assert_eq!(value.into_inner().unwrap(), 3);
}

fn swap_lock() {
    turns(hint::spin_loop);
}

fn bare_swap_lock() {
    turns(|| ());
}

fn weak_exchange() {
    let value = AtomicU32::new(0);
    assert!(value.compare_exchange_weak(0, 1, SeqCst, SeqCst).is_ok());
}

fn atomics() {
    let value = AtomicU64::from(6);
    assert_eq!(value.fetch_nand(3, SeqCst), 6);
    assert_eq!(value.load(SeqCst), !2);
    assert_eq!(value.update(SeqCst, SeqCst, |it| it & 1), !2);
    assert_eq!(value.try_update(SeqCst, SeqCst, |it| (it > 1).then_some(0)), Err(1));
    assert_eq!(value.fetch_max(9, SeqCst).max(value.into_inner()), 9);
    let mut flag = AtomicBool::new(false);
    *flag.get_mut() = true;
    assert!(flag.fetch_not(SeqCst) && !flag.into_inner());
}

/// Never given back, so the next execution finds it as this one has left it.
fn statics() {
    static LOCK: Mutex<u32> = Mutex::new(0);
    static DONE: Condvar = Condvar::new();
    std::mem::forget(LOCK.lock().unwrap());
    DONE.notify_all();
    assert!(LOCK.try_lock().is_err());
}
