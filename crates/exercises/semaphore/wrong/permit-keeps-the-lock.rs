//! Keeps the lock as long as the permit lives: there may be ten permits, one is in use.

use std::sync::{Condvar, Mutex, MutexGuard};

pub struct Semaphore {
    permits: Mutex<usize>,
    added: Condvar,
}

pub struct Permit<'a> {
    permits: MutexGuard<'a, usize>,
    added: &'a Condvar,
}

impl Semaphore {
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Mutex::new(permits), added: Condvar::new() }
    }

    pub fn acquire(&self) -> Permit<'_> {
        let permits = self.permits.lock().unwrap();
        let mut permits = self.added.wait_while(permits, |permits| *permits == 0).unwrap();
        *permits -= 1;
        Permit { permits, added: &self.added }
    }

    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut permits = self.permits.try_lock().ok()?;
        *permits = permits.checked_sub(1)?;
        Some(Permit { permits, added: &self.added })
    }

    pub fn add(&self, permits: usize) {
        *self.permits.lock().unwrap() += permits;
        self.added.notify_all();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.permits += 1;
        self.added.notify_one();
    }
}
