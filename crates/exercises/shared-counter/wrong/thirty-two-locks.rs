//! Locks for changes, of which there are 32.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub struct Counters {
    slots: Vec<AtomicU64>,
    locks: [Mutex<()>; 32],
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        let slots = (0..slots).map(|_| AtomicU64::new(0)).collect();
        Counters { slots, locks: Default::default() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let counter = &self.slots[slot];
        let _alone = self.locks[slot % self.locks.len()].lock().unwrap();
        let new = change(counter.load(Relaxed));
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
