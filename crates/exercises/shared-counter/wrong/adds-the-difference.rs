//! Adds the difference in one step, which no longer fits if the counter has changed: right for
//! `x + 1`, wrong for `2 * x`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub struct Counters {
    slots: Vec<AtomicU64>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let old = self.slots[slot].load(Relaxed);
        let more = change(old).wrapping_sub(old);
        self.slots[slot].fetch_add(more, Relaxed).wrapping_add(more)
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(Relaxed)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(Relaxed)).sum()
    }
}
