//! Keeps the number of the round in a static.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

/// No two rounds have the same number.
static ROUND: AtomicU64 = AtomicU64::new(0);
static COMPLETE: Condvar = Condvar::new();
static ARRIVING: Mutex<()> = Mutex::new(());

pub struct Barrier {
    threads: usize,
    arrived: AtomicU64,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        Barrier { threads, arrived: AtomicU64::new(0) }
    }

    pub fn wait(&self) -> bool {
        let mut arriving = ARRIVING.lock().unwrap();
        let mine = ROUND.load(Ordering::SeqCst);
        if self.arrived.fetch_add(1, Ordering::SeqCst) + 1 == self.threads as u64 {
            self.arrived.store(0, Ordering::SeqCst);
            ROUND.fetch_add(1, Ordering::SeqCst);
            COMPLETE.notify_all();
            return true;
        }
        while ROUND.load(Ordering::SeqCst) == mine {
            arriving = COMPLETE.wait(arriving).unwrap();
        }
        false
    }
}
