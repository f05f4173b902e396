//! Takes the value out for as long as it computes: who looks meanwhile sees 0.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

pub struct Counters {
    slots: Vec<(Mutex<()>, AtomicU64)>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| (Mutex::new(()), AtomicU64::new(0))).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let (lock, value) = &self.slots[slot];
        let _alone = lock.lock().unwrap();
        let new = change(value.swap(0, SeqCst));
        value.store(new, SeqCst);
        new
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].1.load(SeqCst)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.1.load(SeqCst)).sum()
    }
}
