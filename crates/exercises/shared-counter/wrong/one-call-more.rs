//! Exchanges as it should, and asks once more what the result is, of a change that may answer otherwise.

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
        loop {
            let new = change(old);
            match counter.compare_exchange_weak(old, new, Relaxed, Relaxed) {
                Ok(old) => {
                    change(old);
                    return new;
                }
                Err(now) => old = now,
            }
        }
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(Relaxed)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(Relaxed)).sum()
    }
}
