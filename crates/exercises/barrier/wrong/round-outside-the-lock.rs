//! Counts in atomics beside the lock: who has looked and does not wait yet misses the wake-up.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};

pub struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    waiting: Mutex<()>,
    full: Condvar,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        Barrier {
            threads,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            waiting: Mutex::new(()),
            full: Condvar::new(),
        }
    }

    pub fn wait(&self) -> bool {
        let mine = self.round.load(SeqCst);
        if self.arrived.fetch_add(1, SeqCst) + 1 == self.threads {
            self.arrived.store(0, SeqCst);
            self.round.fetch_add(1, SeqCst);
            self.full.notify_all();
            return true;
        }
        let mut waiting = self.waiting.lock().unwrap();
        while self.round.load(SeqCst) == mine {
            waiting = self.full.wait(waiting).unwrap();
        }
        false
    }
}
