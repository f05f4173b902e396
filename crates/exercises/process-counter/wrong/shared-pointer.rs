//! Shares by counting references, which is for threads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Debug)]
pub struct Counter {
    value: Arc<AtomicU64>,
}

impl Counter {
    pub fn new() -> io::Result<Counter> {
        Ok(Counter { value: Arc::new(AtomicU64::new(0)) })
    }

    pub fn add(&self, number: u64) -> u64 {
        self.value.fetch_add(number, Ordering::SeqCst)
    }

    pub fn get(&self) -> u64 {
        self.value.load(Ordering::SeqCst)
    }
}
