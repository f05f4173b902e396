//! Lets changes share a lock that the sum takes for itself: while it waits for a slow change,
//! nobody else gets in.

use std::sync::{Mutex, RwLock};

pub struct Counters {
    slots: RwLock<Vec<Mutex<u64>>>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: RwLock::new((0..slots).map(|_| Mutex::new(0)).collect()) }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let slots = self.slots.read().unwrap();
        let mut counter = slots[slot].lock().unwrap();
        *counter = change(*counter);
        *counter
    }

    pub fn get(&self, slot: usize) -> u64 {
        *self.slots.read().unwrap()[slot].lock().unwrap()
    }

    pub fn total(&self) -> u64 {
        self.slots.write().unwrap().iter().map(|slot| *slot.lock().unwrap()).sum()
    }
}
