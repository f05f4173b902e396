//! Marks a counter that is being changed with the largest value, which is a value like others.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::yield_now;

pub struct Counters {
    slots: Vec<AtomicU64>,
}

const BUSY: u64 = u64::MAX;

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let old = loop {
            match self.slots[slot].swap(BUSY, SeqCst) {
                BUSY => yield_now(),
                old => break old,
            }
        };
        let new = change(old);
        self.slots[slot].store(new, SeqCst);
        new
    }

    pub fn get(&self, slot: usize) -> u64 {
        loop {
            match self.slots[slot].load(SeqCst) {
                BUSY => yield_now(),
                value => return value,
            }
        }
    }

    pub fn total(&self) -> u64 {
        (0..self.slots.len()).map(|slot| self.get(slot)).sum()
    }
}
