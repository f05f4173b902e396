//! Has 16 locks for all counters: the first and the seventeenth wait for each other.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};

const STRIPES: usize = 16;

pub struct Counters {
    slots: Vec<AtomicU64>,
    locks: [Mutex<()>; STRIPES],
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters {
            slots: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            locks: std::array::from_fn(|_| Mutex::new(())),
        }
    }

    fn lock(&self, slot: usize) -> MutexGuard<'_, ()> {
        self.locks[slot % STRIPES].lock().unwrap()
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let _guard = self.lock(slot);
        let new = change(self.slots[slot].load(SeqCst));
        self.slots[slot].store(new, SeqCst);
        new
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].load(SeqCst)
    }

    pub fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(SeqCst)).sum()
    }
}
