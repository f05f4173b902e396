//! Never counts down: the first round is right, every later one is passed without waiting.

use std::sync::{Condvar, Mutex};

pub struct Barrier {
    threads: usize,
    arrived: Mutex<usize>,
    full: Condvar,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        Barrier { threads, arrived: Mutex::new(0), full: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        let last = *arrived % self.threads == 0;
        if last {
            self.full.notify_all();
        }
        while *arrived < self.threads {
            arrived = self.full.wait(arrived).unwrap();
        }
        last
    }
}
