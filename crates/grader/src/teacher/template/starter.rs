//! A counter that several threads share.

use std::sync::Mutex;

/// Counts from one.
pub struct Counter {
    count: Mutex<u64>,
}

impl Counter {
    /// A counter that has not counted yet.
    pub fn new() -> Counter {
        Counter { count: Mutex::new(0) }
    }

    /// Counts one more, and answers how many that makes.
    pub fn count(&self) -> u64 {
        0 // TODO
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        *self.count.lock().unwrap()
    }
}
