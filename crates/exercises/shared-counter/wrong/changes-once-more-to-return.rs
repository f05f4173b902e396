//! Calls `change` once more to find out what to return: the last answer is not the one that was
//! written.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

pub struct Counters {
    slots: Vec<AtomicU64>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let old = self.slots[slot].fetch_update(SeqCst, SeqCst, |x| Some(change(x))).unwrap();
        change(old)
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(SeqCst)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(SeqCst)).sum()
    }
}
