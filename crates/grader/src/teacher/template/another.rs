//! A counter that several threads share.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts from one.
pub struct Counter {
    count: AtomicU64,
}

impl Counter {
    /// A counter that has not counted yet.
    pub fn new() -> Counter {
        Counter { count: AtomicU64::new(0) }
    }

    /// Counts one more, and answers how many that makes.
    pub fn count(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
