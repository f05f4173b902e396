//! `std::sync` and `std::thread` under a model of memory as weakly ordered as the language allows.
//!
//! Small models only: every execution is tried. Arcs, atomics, fences, cells, mutexes, condition
//! variables and threads that are not scoped are modelled, nothing else. What is inside the model
//! cannot be made in a `const`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::report::{Failure, Kind, Report};
use crate::{Order, output};

pub use loom::{lazy_static, thread, thread_local};

/// As [`std::sync`].
pub mod sync {
    pub use loom::sync::{
        Arc, Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc,
    };
    pub use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

    /// As [`std::sync::atomic`].
    pub mod atomic {
        pub use loom::sync::atomic::{
            AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16,
            AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
        };

        /// As [`std::sync::atomic::AtomicBool`].
        #[derive(Debug)]
        pub struct AtomicBool(loom::sync::atomic::AtomicBool);

        impl AtomicBool {
            /// As [`std::sync::atomic::AtomicBool::new`].
            #[track_caller]
            pub fn new(value: bool) -> AtomicBool {
                AtomicBool(loom::sync::atomic::AtomicBool::new(value))
            }

            /// As [`std::sync::atomic::AtomicBool::load`].
            #[track_caller]
            pub fn load(&self, order: Ordering) -> bool {
                self.0.load(order)
            }

            /// As [`std::sync::atomic::AtomicBool::store`].
            #[track_caller]
            pub fn store(&self, value: bool, order: Ordering) {
                self.0.store(value, order);
            }

            /// As [`std::sync::atomic::AtomicBool::swap`], except that nothing is written where
            /// nothing changes.
            ///
            /// The model forgets that a swap comes right after the store that it has read, so that a
            /// swap of `true` for `true` could come after the unlocking that follows in truth, and a
            /// right lock would stay locked for ever. Whoever would read what is not written here
            /// reads the store before it, which happened after the same things, but for those that
            /// only a failed attempt to lock would publish.
            #[track_caller]
            pub fn swap(&self, value: bool, order: Ordering) -> bool {
                let failed = match order {
                    Ordering::Relaxed | Ordering::Release => Ordering::Relaxed,
                    Ordering::Acquire | Ordering::AcqRel => Ordering::Acquire,
                    _ => Ordering::SeqCst,
                };
                match self.0.compare_exchange(!value, value, order, failed) {
                    Ok(before) | Err(before) => before,
                }
            }

            /// As [`std::sync::atomic::AtomicBool::compare_exchange`].
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: bool,
                new: bool,
                success: Ordering,
                failure: Ordering,
            ) -> Result<bool, bool> {
                self.0.compare_exchange(current, new, success, failure)
            }

            /// As [`std::sync::atomic::AtomicBool::compare_exchange_weak`].
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: bool,
                new: bool,
                success: Ordering,
                failure: Ordering,
            ) -> Result<bool, bool> {
                self.0.compare_exchange_weak(current, new, success, failure)
            }

            /// As [`std::sync::atomic::AtomicBool::fetch_and`].
            #[track_caller]
            pub fn fetch_and(&self, value: bool, order: Ordering) -> bool {
                self.0.fetch_and(value, order)
            }

            /// As [`std::sync::atomic::AtomicBool::fetch_or`]; to set it is a
            /// [`swap`](AtomicBool::swap).
            #[track_caller]
            pub fn fetch_or(&self, value: bool, order: Ordering) -> bool {
                if value { self.swap(true, order) } else { self.0.fetch_or(false, order) }
            }

            /// As [`std::sync::atomic::AtomicBool::fetch_xor`].
            #[track_caller]
            pub fn fetch_xor(&self, value: bool, order: Ordering) -> bool {
                self.0.fetch_xor(value, order)
            }

            /// As [`std::sync::atomic::AtomicBool::fetch_update`].
            #[track_caller]
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                change: impl FnMut(bool) -> Option<bool>,
            ) -> Result<bool, bool> {
                self.0.fetch_update(set, fetch, change)
            }
        }

        impl Default for AtomicBool {
            fn default() -> AtomicBool {
                AtomicBool::new(false)
            }
        }

        impl From<bool> for AtomicBool {
            fn from(value: bool) -> AtomicBool {
                AtomicBool::new(value)
            }
        }
    }
}

/// As [`std::cell`].
pub mod cell {
    /// As [`std::cell::UnsafeCell`]; [`get`](UnsafeCell::get) counts as an exclusive access at that
    /// moment, so the pointer must be used at once and asked for anew each time.
    pub struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// As [`std::cell::UnsafeCell::new`].
        #[track_caller]
        pub fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(loom::cell::UnsafeCell::new(value))
        }

        /// As [`std::cell::UnsafeCell::get`].
        #[track_caller]
        pub fn get(&self) -> *mut T {
            self.0.with_mut(|pointer| pointer)
        }

        /// As [`std::cell::UnsafeCell::get_mut`].
        #[track_caller]
        pub fn get_mut(&mut self) -> &mut T {
            let pointer = self.0.with_mut(|pointer| pointer);
            // SAFETY: the exclusive borrow of the cell is an exclusive borrow of its content.
            unsafe { &mut *pointer }
        }

        /// As [`std::cell::UnsafeCell::into_inner`].
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T> std::fmt::Debug for UnsafeCell<T> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("UnsafeCell").finish_non_exhaustive()
        }
    }
}

/// A step of a spinning thread.
pub fn spin_loop() {
    loom::hint::spin_loop();
}

/// Decisions of one execution, after which it is held to run for ever.
const BRANCHES: usize = 20_000;

static EXECUTIONS: AtomicU64 = AtomicU64::new(0);

/// Runs `body` under every execution that the memory model allows, with at most three forced
/// changes of the running thread.
pub(crate) fn model(body: fn(), order: &Order) -> Report {
    let _quiet = output::Silence::new();
    let mut builder = loom::model::Builder::new();
    builder.max_branches = BRANCHES;
    builder.preemption_bound = Some(3);
    builder.location = true;
    builder.checkpoint_interval = 1;
    // The limit is looked at before an execution, and it is the first one that is not run.
    builder.max_permutations = Some(order.schedules.max(1) as usize + 1);
    builder.max_duration = Some(Duration::from_secs(8));
    let counted = move || {
        EXECUTIONS.fetch_add(1, Ordering::Relaxed);
        body();
    };
    let result = catch_unwind(AssertUnwindSafe(|| builder.check(counted)));
    let schedules = EXECUTIONS.load(Ordering::Relaxed);
    let exhaustive = result.is_ok() && schedules < order.schedules;
    let failure = result.err().map(|_| diagnose());
    Report { schedules, exhaustive, failure }
}

/// What the first panic means.
pub(crate) fn diagnose() -> Failure {
    let (message, place) = crate::first_panic().unwrap_or_default();
    let kind = match &message {
        m if m.contains("Causality violation") => Kind::Race,
        m if m.starts_with("deadlock") => Kind::Deadlock,
        m if m.contains("maximum number of branches") => Kind::Livelock,
        _ => match &place {
            Some(place) if place.file == crate::CHECKS => Kind::Wrong,
            _ => Kind::Panic,
        },
    };
    let place = place.filter(|place| !place.file.contains("/loom-"));
    Failure::plain(kind, message.trim().to_owned(), place)
}
