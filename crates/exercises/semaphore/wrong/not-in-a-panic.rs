//! Refuses to give a permit to a thread that panics.

use std::sync::{Condvar, Mutex};
use std::thread;

pub struct Semaphore {
    permits: Mutex<usize>,
    added: Condvar,
}

pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Semaphore {
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Mutex::new(permits), added: Condvar::new() }
    }

    pub fn acquire(&self) -> Permit<'_> {
        let mut permits = self.permits.lock().unwrap();
        while *permits == 0 {
            permits = self.added.wait(permits).unwrap();
        }
        *permits -= 1;
        Permit { semaphore: self }
    }

    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        if thread::panicking() {
            return None;
        }
        let mut permits = self.permits.lock().unwrap();
        *permits = permits.checked_sub(1)?;
        Some(Permit { semaphore: self })
    }

    pub fn add(&self, permits: usize) {
        *self.permits.lock().unwrap() += permits;
        // One permit lets one of the waiting go on; more of them may let all go on.
        match permits {
            0 => {}
            1 => self.added.notify_one(),
            _ => self.added.notify_all(),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.add(1);
    }
}
