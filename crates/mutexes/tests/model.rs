//! The three-state lock under loom, which tries every interleaving of small programs and the
//! memory orderings that the CPU could choose. The source file is the one that users get; only
//! what it is made of is replaced.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// As in the crate.
///
/// # Safety
///
/// That is what loom finds out.
unsafe trait Lock: Default {
    fn lock(&self);
    unsafe fn unlock(&self);
}

/// Loom's atomics, and a futex made of loom's mutex and condition variable.
mod sync {
    pub use loom::hint::spin_loop;
    pub use loom::sync::atomic::{AtomicU32, Ordering};

    /// Each look doubles the interleavings, and one shows as much as many.
    pub const LOOKS: u32 = 1;

    loom::lazy_static! {
        static ref SLEEPERS: (loom::sync::Mutex<()>, loom::sync::Condvar) =
            (loom::sync::Mutex::new(()), loom::sync::Condvar::new());
    }

    pub fn futex_wait(word: &AtomicU32, expected: u32) {
        let asleep = SLEEPERS.0.lock().unwrap();
        if word.load(Ordering::Relaxed) == expected {
            drop(SLEEPERS.1.wait(asleep).unwrap());
        }
    }

    pub fn futex_wake_one(_: &AtomicU32) {
        let _nobody_falls_asleep_now = SLEEPERS.0.lock().unwrap();
        SLEEPERS.1.notify_one();
    }
}

#[path = "../src/three_state.rs"]
mod three_state;

use three_state::ThreeState;

/// A counter that loom watches: an access that another thread could make at the same time fails.
struct Counter<L> {
    lock: L,
    value: UnsafeCell<u32>,
}

// SAFETY: the lock is to let in one thread at a time; loom checks whether it does.
unsafe impl<L: Sync> Sync for Counter<L> {}

impl<L: Lock> Counter<L> {
    fn add(&self) {
        self.lock.lock();
        // SAFETY: this thread is inside, or loom ends the test.
        self.value.with_mut(|value| unsafe { *value += 1 });
        // SAFETY: this thread is inside.
        unsafe { self.lock.unlock() };
    }
}

/// Checks that so many threads, each inside so often, count exactly and all come to their end.
fn check<L: Lock + Sync + Send + 'static>(threads: usize, turns: u32, preemptions: Option<usize>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        let counter = Arc::new(Counter { lock: L::default(), value: UnsafeCell::new(0) });
        let add = |counter: Arc<Counter<L>>| move || (0..turns).for_each(|_| counter.add());
        let others: Vec<_> =
            (1..threads).map(|_| thread::spawn(add(Arc::clone(&counter)))).collect();
        add(Arc::clone(&counter))();
        for other in others {
            other.join().unwrap();
        }
        // SAFETY: all others have ended.
        let count = counter.value.with(|value| unsafe { *value });
        assert_eq!(count, threads as u32 * turns);
    });
}

#[test]
fn two_threads_exclude_each_other_in_every_interleaving() {
    check::<ThreeState>(2, 1, None);
}

#[test]
fn two_threads_with_two_turns_each_lose_no_wake_up() {
    check::<ThreeState>(2, 2, Some(3));
}

#[test]
fn three_threads_lose_no_wake_up() {
    check::<ThreeState>(3, 1, Some(2));
}

/// The lock with one mistake: it unlocks without publishing what was written.
mod unpublished {
    use crate::sync::{AtomicU32, Ordering::*, spin_loop};

    #[derive(Default)]
    pub struct Unpublished(AtomicU32);

    // SAFETY: none; the test shows what is wrong with it.
    unsafe impl crate::Lock for Unpublished {
        fn lock(&self) {
            while self.0.swap(1, Acquire) == 1 {
                spin_loop();
                loom::thread::yield_now();
            }
        }
        unsafe fn unlock(&self) {
            self.0.store(0, Relaxed);
        }
    }
}

/// The lock with one mistake: a waiter takes it by 0 → 1 and forgets the others that sleep.
mod forgetful {
    use crate::sync::{AtomicU32, Ordering::*, futex_wait, futex_wake_one};

    #[derive(Default)]
    pub struct Forgetful(AtomicU32);

    // SAFETY: none; the test shows what is wrong with it.
    unsafe impl crate::Lock for Forgetful {
        fn lock(&self) {
            while self.0.compare_exchange(0, 1, Acquire, Acquire).is_err() {
                if self.0.compare_exchange(1, 2, Relaxed, Relaxed) != Err(0) {
                    futex_wait(&self.0, 2);
                }
            }
        }
        unsafe fn unlock(&self) {
            if self.0.swap(0, Release) == 2 {
                futex_wake_one(&self.0);
            }
        }
    }
}

#[test]
#[ignore = "fails on purpose: run by `the_model_catches_wrong_locks`"]
fn wrong_unpublished() {
    check::<unpublished::Unpublished>(2, 1, None);
}

#[test]
#[ignore = "fails on purpose: run by `the_model_catches_wrong_locks`"]
fn wrong_forgetful() {
    check::<forgetful::Forgetful>(3, 1, Some(2));
}

/// Loom reports a deadlock by a panic while it panics, which aborts: hence a child process.
#[test]
fn the_model_catches_wrong_locks() {
    for (wrong, complaint) in
        [("wrong_unpublished", "Causality violation"), ("wrong_forgetful", "deadlock")]
    {
        let ended = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", wrong, "--nocapture"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        assert!(!ended.status.success(), "{wrong} passed the model");
        assert!(said.contains(complaint), "{wrong}: {said}");
    }
}
