//! `fetch_update` tries again for as long as it takes, and hands out the value from before; what was
//! written is kept beside it.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

pub struct Counters(Box<[AtomicU64]>);

impl Counters {
    pub fn new(slots: usize) -> Counters {
        Counters((0..slots).map(|_| AtomicU64::default()).collect())
    }

    pub fn update(&self, slot: usize, change: impl Fn(u64) -> u64) -> u64 {
        let mut written = 0;
        let attempt = |now| {
            written = change(now);
            Some(written)
        };
        let _ = self.0[slot].fetch_update(SeqCst, SeqCst, attempt);
        written
    }

    pub fn get(&self, slot: usize) -> u64 {
        self.0[slot].load(SeqCst)
    }

    pub fn total(&self) -> u64 {
        self.0.iter().map(|counter| counter.load(SeqCst)).sum()
    }
}
