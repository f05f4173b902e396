//! Two sides at the same time: one in a thread of its own, the other in this one.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{Builder, scope};

use anyhow::Result;
use lab::child::explain_io;
use lab::sample::{Pinned, allowed_cpus};
use lab::thread::traced;

/// Runs both sides and returns what they return. If no thread can be started, neither side runs,
/// so neither waits for the other in vain.
pub fn side_by_side<A: Send, B>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B,
) -> Result<(A, B)> {
    scope(|threads| {
        let first =
            Builder::new().spawn_scoped(threads, traced(first)).map_err(explain_io("thread"))?;
        let second = second();
        Ok((first.join().expect("the first side does not panic"), second))
    })
}

/// Keeps this thread on a CPU of its own for as long as the value lives, where two are allowed.
pub fn on_its_own_cpu(side: usize) -> Option<Pinned> {
    let cpus = allowed_cpus();
    Pinned::to(*cpus.get(side % cpus.len().max(1))?).ok()
}

/// A place where two threads meet, again and again, and part within nanoseconds. They spin, so with
/// one CPU each meeting takes the rest of a time slice.
#[derive(Default)]
pub struct Meeting(AtomicUsize);

impl Meeting {
    /// Waits until both have come for the `round`th time, counted from 0.
    pub fn wait(&self, round: usize) {
        self.0.fetch_add(1, SeqCst);
        while self.0.load(SeqCst) < 2 * (round + 1) {
            spin_loop();
        }
    }
}
