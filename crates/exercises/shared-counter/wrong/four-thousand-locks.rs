//! Shares 4096 locks among all counters, however many there are.

use std::sync::Mutex;

const LOCKS: usize = 4096;

pub struct Counters {
    locks: Vec<Mutex<Vec<u64>>>,
    slots: usize,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        let of_one = slots / LOCKS + 1;
        Counters { locks: (0..LOCKS).map(|_| Mutex::new(vec![0; of_one])).collect(), slots }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        assert!(slot < self.slots, "there is no counter {slot}");
        let mut shared = self.locks[slot % LOCKS].lock().unwrap();
        let value = &mut shared[slot / LOCKS];
        *value = change(*value);
        *value
    }

    pub fn get(&self, slot: usize) -> u64 {
        assert!(slot < self.slots, "there is no counter {slot}");
        self.locks[slot % LOCKS].lock().unwrap()[slot / LOCKS]
    }

    pub fn total(&self) -> u64 {
        (0..self.slots).map(|slot| self.get(slot)).sum()
    }
}
