//! One condition variable for all counters, and the end of a change wakes one who waits.

use std::sync::{Condvar, Mutex};

#[derive(Clone, Default)]
struct Slot {
    value: u64,
    taken: bool,
}

pub struct Counters {
    slots: Mutex<Vec<Slot>>,
    free: Condvar,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: Mutex::new(vec![Slot::default(); slots]), free: Condvar::new() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let old = {
            let known = self.slots.lock().unwrap().len();
            assert!(slot < known, "no such counter");
            let slots = self.slots.lock().unwrap();
            let mut slots = self.free.wait_while(slots, |slots| slots[slot].taken).unwrap();
            slots[slot].taken = true;
            slots[slot].value
        };
        let new = change(old);
        {
            let mut slots = self.slots.lock().unwrap();
            slots[slot] = Slot { value: new, taken: false };
        }
        self.free.notify_one();
        new
    }

    pub fn get(&self, slot: usize) -> u64 {
        let slots = self.slots.lock().unwrap();
        match slots.get(slot).map(|slot| slot.value) {
            Some(value) => value,
            None => {
                drop(slots);
                panic!("no such counter");
            }
        }
    }

    pub fn total(&self) -> u64 {
        self.slots.lock().unwrap().iter().map(|slot| slot.value).sum()
    }
}
