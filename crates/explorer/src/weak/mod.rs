//! Every execution of a small program that a memory allows which is as weakly ordered as the
//! language's.
//!
//! The program is compiled with the compiler's instrumentation for races ([`hooks`]), so every access
//! to memory comes here. Threads are coroutines that change turns before each atomic operation
//! ([`execution`]); what a load may read and where a store may come is told by views ([`memory`]); two
//! accesses that nothing orders are a race ([`shadow`]). Paths are tried depth first. A path is given
//! up where all threads have read the same and all stores are in the same order as in one before,
//! because it would go on as that one did.
//!
//! # What is modelled
//!
//! Atomics of all sizes and orderings, fences, release sequences, weak compare-and-exchange that fails
//! for no reason (at most three times for each thread), plain accesses wherever they are, memory that
//! is used after it was freed, threads, scopes, parking. All executions that C++20 allows are visited,
//! except
//!
//! - those in which a load reads a store that its own thread makes possible only later (load
//!   buffering): no processor and compiler that Rust is used with does this to code like that of the
//!   exercises, where each such load is followed by a branch or an access that depends on it, and a
//!   program that is right only without it would be refused by no tool that there is;
//! - those in which `SeqCst` operations are in an order that no interleaving has: it takes both
//!   relaxed and `SeqCst` accesses to the same location to see one;
//! - those in which a thread that spins looks again though nothing has changed, or one that is
//!   unwinding a panic is interrupted.
//!
//! Each execution begins with the memory of the one before it given back, and with the variables of the
//! program, of the thread and of all that is linked to them as they were, `std`'s own among them, if
//! that was said ([`set_alone`]). What `std` makes once and keeps, the buffer of standard output or what
//! a dependency has in a `OnceLock`, is so made anew in each. What `std` keeps for a thread of the
//! operating system, the explored threads have together; that is no race.
//!
//! What is read from memory that was never written is not noticed. Atomics of different sizes at the
//! same address are taken for different ones.

pub mod atomic;
mod execution;
mod hash;
mod heap;
mod hooks;
#[cfg(test)]
mod litmus;
mod local;
mod memory;
mod places;
mod program;
mod report;
mod shadow;
pub mod thread;
mod undo;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use self::execution::{Kept, Outcome, Path};
use crate::report::{Failure, Kind, Report};
use crate::schedule::Choices;
use crate::{Search, output};

/// As [`std::sync`], without what waits for another thread: what is built here is built of atomics.
pub mod sync {
    pub use std::sync::{Arc, Weak};

    pub use super::atomic;
}

pub use self::undo::set_alone;
pub use crate::weak_thread_local as thread_local;

/// As [`std::hint::spin_loop`]: the thread goes on when something has changed that it looked at.
#[track_caller]
pub fn spin_loop() {
    execution::spin("says that it spins");
}

/// How many operations the calling thread has made so far: atomic ones, fences, starts and joins. For
/// checks that something does not wait.
pub fn operations() -> u32 {
    execution::operations()
}

/// How often the calling thread has waited so far: slept, said that it spins, joined, parked.
pub fn waits() -> u32 {
    execution::waits()
}

/// How and where the calling thread has waited last, in words: "sleeps at ring.rs:7".
pub fn last_wait() -> Option<String> {
    execution::last_wait()
}

/// How many bytes of memory the execution has: allocated, and not freed. For checks that something is
/// given back.
pub fn allocated() -> usize {
    heap::taken()
}

/// Says whether what is allocated and freed from now on is none of the execution's business: a signal
/// handler that looks at a stack needs much memory.
pub fn set_aside(aside: bool) {
    heap::set_aside(aside);
}

/// How often a thread of this execution has looked again and again at what does not change, without
/// saying by `spin_loop` or `yield_now` that it waits.
pub fn silent_spins() -> u32 {
    execution::silent_spins()
}

/// The name that the thread that runs has in reports, if one is explored.
pub(crate) fn running() -> Option<String> {
    execution::running()
}

/// Whether what happens is of interest: not in one of many executions that only look for a failure.
pub(crate) fn is_told() -> bool {
    execution::is_told()
}

/// Does something that outlives the execution, such as to remember a panic.
pub(crate) fn outside<R>(does: impl FnOnce() -> R) -> R {
    execution::outside(does)
}

/// By the clock, after which no other execution is begun.
const LONGEST: Duration = Duration::from_secs(4);

/// Runs `body` under every execution, or the one that is to be repeated.
pub fn model(body: fn(), search: &Search) -> Report {
    let quiet = output::Silence::new();
    if let Some(replay) = &search.replay {
        let Choices(path) = Choices::from_text(replay).unwrap_or_default();
        drop(quiet);
        return told(body, search, &path, 1);
    }
    let (mut path, mut visited, mut kept) = (Path::default(), HashSet::new(), Kept::new());
    let (mut executions, mut runs) = (0, 0);
    let begun = Instant::now();
    loop {
        crate::panics::forget();
        let outcome = execution::run(body, path, Some(&mut visited), false, &mut kept);
        let Outcome { path: taken, failed, pruned, .. } = outcome;
        path = taken;
        runs += 1;
        executions += u64::from(!pruned);
        if failed.is_some() {
            drop(quiet);
            return told(body, search, &path.choices(), executions);
        }
        if !path.advance() {
            return Report { schedules: executions, exhaustive: true, ..Report::default() };
        }
        if runs >= search.schedules || begun.elapsed() > LONGEST {
            return Report { schedules: executions, ..Report::default() };
        }
    }
}

/// Runs an execution once more and records it; what it prints is seen. This may be done by another
/// thread, because a failure can have left this one in the middle of a panic.
fn told(body: fn(), search: &Search, choices: &[u32], executions: u64) -> Report {
    let path = Path::of(choices);
    let again = move || {
        crate::panics::forget();
        execution::run(body, path, None, true, &mut Kept::new())
    };
    // Where variables are restored, nothing of a panic is left.
    let outcome = match undo::is_alone() {
        true => Some(again()),
        false => std::thread::spawn(again).join().ok(),
    };
    let failure = outcome.and_then(|outcome| report::failure(&outcome));
    let failure = failure.or_else(|| {
        let what = "it does not do the same each time in the same execution: it depends on something \
                    outside, such as the time";
        search.replay.is_none().then(|| Failure::plain(Kind::Panic, what.to_owned(), None))
    });
    Report { schedules: executions, failure, ..Report::default() }
}
