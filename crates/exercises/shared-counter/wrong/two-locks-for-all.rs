//! Shares two locks among all counters: those that fall on the same one wait for each other.

use std::sync::Mutex;

pub struct Counters {
    stripes: [Mutex<Vec<u64>>; 2],
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { stripes: [0, 1].map(|_| Mutex::new(vec![0; slots.div_ceil(2)])) }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let mut stripe = self.stripes[slot % 2].lock().unwrap();
        stripe[slot / 2] = change(stripe[slot / 2]);
        stripe[slot / 2]
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.stripes[slot % 2].lock().unwrap()[slot / 2]
    }

    pub fn total(&self) -> u64 {
        self.stripes.iter().map(|stripe| stripe.lock().unwrap().iter().sum::<u64>()).sum()
    }
}
