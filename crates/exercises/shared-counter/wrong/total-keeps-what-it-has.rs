//! A lock for each counter; the sum holds them all, to be of one moment.

use std::sync::Mutex;

pub struct Counters {
    slots: Vec<Mutex<u64>>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| Mutex::new(0)).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let mut counter = self.slots[slot].lock().unwrap();
        *counter = change(*counter);
        *counter
    }

    pub fn get(&self, slot: usize) -> u64 {
        *self.slots[slot].lock().unwrap()
    }

    pub fn total(&self) -> u64 {
        let all: Vec<_> = self.slots.iter().map(|slot| slot.lock().unwrap()).collect();
        all.iter().map(|slot| **slot).sum()
    }
}
