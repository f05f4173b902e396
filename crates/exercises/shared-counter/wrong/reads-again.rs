//! Reads the counter again to return it: by then it may be somebody else's value.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub struct Counters {
    slots: Vec<AtomicU64>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let _ = self.slots[slot].fetch_update(Relaxed, Relaxed, |old| Some(change(old)));
        self.get(slot)
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(Relaxed)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(Relaxed)).sum()
    }
}
