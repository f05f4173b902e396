//! One lock for all counters: whoever wants another counter waits as well.

use std::sync::Mutex;

pub struct Counters {
    slots: Mutex<Vec<u64>>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: Mutex::new(vec![0; slots]) }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let mut slots = self.slots.lock().unwrap();
        slots[slot] = change(slots[slot]);
        slots[slot]
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots.lock().unwrap()[slot]
    }

    pub fn total(&self) -> u64 {
        self.slots.lock().unwrap().iter().sum()
    }
}
