//! Compares and exchanges ten times, then loses patience.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub struct Counters {
    slots: Vec<AtomicU64>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let counter = &self.slots[slot];
        let mut old = counter.load(Relaxed);
        for _ in 0..10 {
            let new = change(old);
            match counter.compare_exchange_weak(old, new, Relaxed, Relaxed) {
                Ok(_) => return new,
                Err(now) => old = now,
            }
        }
        let new = change(old);
        counter.store(new, Relaxed);
        new
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(Relaxed)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(Relaxed)).sum()
    }
}
