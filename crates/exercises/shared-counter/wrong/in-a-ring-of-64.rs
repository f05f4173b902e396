//! Keeps 64 counters, and lets others share them.

use std::sync::Mutex;

pub struct Counters {
    slots: Vec<Mutex<u64>>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots.min(64)).map(|_| Mutex::new(0)).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let mut counter = self.slots[slot % self.slots.len()].lock().unwrap();
        *counter = change(*counter);
        *counter
    }

    pub fn get(&self, slot: usize) -> u64 {
        *self.slots[slot % self.slots.len()].lock().unwrap()
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| *slot.lock().unwrap()).sum()
    }
}
