//! Atomics, and a lock around every change all the same.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub struct Counters {
    slots: Vec<AtomicU64>,
    changing: Mutex<()>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        let slots = (0..slots).map(|_| AtomicU64::new(0)).collect();
        Counters { slots, changing: Mutex::new(()) }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let _one_at_a_time = self.changing.lock().unwrap();
        let new = change(self.slots[slot].load(Relaxed));
        self.slots[slot].store(new, Relaxed);
        new
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(Relaxed)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(Relaxed)).sum()
    }
}
