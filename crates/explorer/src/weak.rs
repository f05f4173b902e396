//! `std::sync` and `std::thread` under a model of memory as weakly ordered as the language allows.
//!
//! Small models only: every execution is tried. Arcs, atomics, fences, cells, mutexes, condition
//! variables and threads that are not scoped are modelled, nothing else. What is inside the model
//! cannot be made in a `const`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::report::{Failure, Kind, Panicked, Place, Report};
use crate::{Search, output};

pub use loom::{thread, thread_local};

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
pub fn model(body: fn(), search: &Search) -> Report {
    let _quiet = output::Silence::new();
    let mut builder = loom::model::Builder::new();
    builder.max_branches = BRANCHES;
    builder.preemption_bound = Some(3);
    builder.location = true;
    builder.checkpoint_interval = 1;
    // The limit is looked at before an execution, and it is the first one that is not run.
    builder.max_permutations = Some(search.schedules.max(1) as usize + 1);
    builder.max_duration = Some(Duration::from_secs(8));
    let counted = move || {
        EXECUTIONS.fetch_add(1, Ordering::Relaxed);
        crate::panics::forget();
        body();
    };
    let result = catch_unwind(AssertUnwindSafe(|| builder.check(counted)));
    let schedules = EXECUTIONS.load(Ordering::Relaxed);
    let exhaustive = result.is_ok() && schedules < search.schedules;
    let failure = result.err().map(|payload| {
        let message = crate::panics::words(payload.as_ref());
        let mut panics = crate::panics::kept();
        // Those before it were caught.
        let this = panics.iter().position(|panic| panic.message == message);
        panics.drain(..this.unwrap_or(0));
        diagnose(&panics).unwrap_or_else(|| Failure::plain(Kind::Panic, message, None))
    });
    Report { schedules, exhaustive, failure }
}

/// What a process means that is about to be aborted: a model that has failed cannot be taken apart,
/// so its end is often a second panic. `None` if the model had not failed.
pub fn given_up() -> Option<Report> {
    let schedules = EXECUTIONS.load(Ordering::Relaxed);
    let failure = diagnose(&crate::panics::so_far())?;
    Some(Report { schedules, exhaustive: false, failure: Some(failure) })
}

/// What the first panic means; the others come of it.
fn diagnose(panics: &[Panicked]) -> Option<Failure> {
    let Panicked { message, place, .. } = panics.first()?;
    let place = place.clone().filter(Place::is_known);
    let by_checks = place.as_ref().is_some_and(|place| place.file == crate::CHECKS);
    let (kind, message) = match translated(message.trim()) {
        Some(meant) => meant,
        None if place.is_none() => {
            (Kind::Panic, format!("{message}\n(inside the model of memory: please report this)"))
        }
        None => (if by_checks { Kind::Wrong } else { Kind::Panic }, message.clone()),
    };
    Some(Failure::plain(kind, message, place))
}

/// What the model says, in the words of this project; `None` if it is not the model that speaks.
fn translated(message: &str) -> Option<(Kind, String)> {
    let said = |words: &str| message.contains(words);
    let (kind, meant) = if said("Causality violation") {
        (Kind::Race, race(message))
    } else if message.starts_with("deadlock; threads") {
        (Kind::Deadlock, "no thread can go on".to_owned())
    } else if said("maximum number of branches") {
        let words = "steps the threads still run without getting anywhere";
        (Kind::Livelock, format!("after {BRANCHES} {words}"))
    } else if let Some(rest) = message.strip_prefix("Arc leaked.") {
        let what = "an Arc is still there when everything has ended: somebody forgot it, or it \
                    points to itself";
        (Kind::Wrong, made_at(what, "Allocated: ", rest))
    } else if let Some(rest) = message.strip_prefix("Messages leaked.") {
        let what = "when everything has ended, a channel still holds messages";
        (Kind::Wrong, made_at(what, "Channel created: ", rest))
    } else if said("self.threads.len() < self.max()") || said("threads.len() < self.max_threads") {
        (Kind::Panic, format!("more than {} threads beside the first", loom::MAX_THREADS - 1))
    } else if said("Is the model fully deterministic?") {
        let what = "it does not do the same each time under the same schedule: it depends on \
                    something outside, such as the time or an address";
        (Kind::Panic, what.to_owned())
    } else if said("outside a Loom model") {
        let what =
            "something of std::sync is used when the check is over, or outside of its threads";
        (Kind::Panic, what.to_owned())
    } else if said("recv_timeout is not supported") {
        (Kind::Panic, "recv_timeout is not offered here: time is not modelled".to_owned())
    } else if let Some(order) = message.split("unimplemented ordering ").nth(1) {
        (Kind::Panic, format!("the ordering {order} is not one that this operation can have"))
    } else if said("atomic cell is in `with_mut` call") || said("state mutated during branch") {
        (Kind::Panic, "an atomic is used while it is written to, or when it is gone".to_owned())
    } else {
        return None;
    };
    Some((kind, meant))
}

/// The two accesses of a race. The model says `created: FILE:LINE:COLUMN`, and twice
/// `ACCESS: thread #NUMBER @ FILE:LINE:COLUMN`.
fn race(message: &str) -> String {
    let mut text = String::from("two accesses to the same memory, and nothing orders them:");
    let mut made = None;
    for line in message.lines() {
        let Some((key, rest)) = line.trim().split_once(": ") else { continue };
        if key == "created" {
            made = Some(without_column(rest));
        } else if let Some((number, place)) =
            rest.strip_prefix("thread #").and_then(|rest| rest.split_once(" @ "))
        {
            let who = match number {
                "0" => "main".to_owned(),
                number => format!("thread {number}"),
            };
            let does = match key {
                "load" | "atomic load" | "unsync_load" => "reads",
                "store" | "atomic store" => "writes",
                // The pointer that a cell gives may be for both.
                _ => "accesses it",
            };
            text.push_str(&format!("\n{who} {does} at {}", without_column(place)));
        }
    }
    if let Some(made) = made {
        text.push_str(&format!("\nIt was made at {made}."));
    }
    text
}

fn made_at(what: &str, key: &str, rest: &str) -> String {
    let made = rest.lines().find_map(|line| line.trim().strip_prefix(key));
    let made = made.map(|made| format!("\nIt was made at {}.", without_column(made)));
    format!("{what}{}", made.unwrap_or_default())
}

fn without_column(place: &str) -> &str {
    place.rsplit_once(':').map_or(place, |(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_race_is_told_in_plain_words() {
        let said = "\nCausality violation: Concurrent write accesses to `UnsafeCell`.\n      \
                    created: a.rs:30:39\n    write one: thread #1 @ a.rs:45:57\n    \
                    write two: thread #0 @ a.rs:63:71\n";
        let place =
            Place { file: "/registry/loom-0.7.3/src/rt/location.rs".into(), line: 115, column: 9 };
        let panic = |message: &str| Panicked {
            thread: String::new(),
            message: message.to_owned(),
            place: Some(place.clone()),
        };
        let failure = diagnose(&[panic(said), panic("something else")]).unwrap();
        let told = "two accesses to the same memory, and nothing orders them:\nthread 1 accesses it \
                    at a.rs:45\nmain accesses it at a.rs:63\nIt was made at a.rs:30.";
        assert_eq!(failure, Failure::plain(Kind::Race, told.to_owned(), None));
        let leak = "Arc leaked.\n  Allocated: a.rs:3:4\n      Index: 7";
        let failure = diagnose(&[panic(leak)]).unwrap();
        assert!(failure.message.ends_with("\nIt was made at a.rs:3."), "{failure:?}");
    }
}
