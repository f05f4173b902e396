//! Whether two threads that count were really under way at the same time, and a moment in which
//! whoever is not kept out can come in.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Notes whose turn it was; used by whoever holds the lock.
#[derive(Default)]
pub struct Turns {
    last: AtomicU32,
    changes: AtomicU64,
}

impl Turns {
    /// It is the turn of thread `me`, which is not 0.
    pub fn note(&self, me: u32) {
        if self.last.swap(me, Relaxed) != me {
            self.changes.fetch_add(1, Relaxed);
        }
    }

    /// Whether one came in after the other had come in after it. Two that ran one after the other
    /// changed places once.
    pub fn alternated(&self) -> bool {
        self.changes.load(Relaxed) > 3
    }
}

/// Ten times on the way to `each`, gives up the CPU.
pub fn pause(number: u64, each: u64) {
    if number.is_multiple_of((each / 10).max(1)) {
        std::thread::yield_now();
    }
}
