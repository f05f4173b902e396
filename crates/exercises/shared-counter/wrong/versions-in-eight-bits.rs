//! Notices by a version whether a counter was changed meanwhile; the version has eight bits, so after
//! 256 changes it is the same again.

use std::sync::Mutex;

#[derive(Clone, Copy, Default)]
struct Versioned {
    value: u64,
    version: u8,
}

pub struct Counters {
    slots: Vec<Mutex<Versioned>>,
}

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters { slots: (0..slots).map(|_| Mutex::default()).collect() }
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        loop {
            let before = *self.slots[slot].lock().unwrap();
            let value = change(before.value);
            let mut now = self.slots[slot].lock().unwrap();
            if now.version == before.version {
                *now = Versioned { value, version: before.version.wrapping_add(1) };
                return value;
            }
        }
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.slots[slot].lock().unwrap().value
    }

    pub fn total(&self) -> u64 {
        (0..self.slots.len()).map(|slot| self.get(slot)).sum()
    }
}
