//! A change whose answer is one more than the value is made as an addition.

use std::sync::atomic::{AtomicU64, Ordering};

pub struct Counters {
    slots: Vec<AtomicU64>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let slot = &self.slots[slot];
        let mut old = slot.load(Ordering::SeqCst);
        loop {
            let new = change(old);
            if new == old.wrapping_add(1) {
                // The usual case needs no second try.
                return slot.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
            }
            match slot.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return new,
                Err(now) => old = now,
            }
        }
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(Ordering::SeqCst)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(Ordering::SeqCst)).sum()
    }
}
