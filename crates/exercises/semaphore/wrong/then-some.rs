//! `then_some` makes the permit in any case: where there is none, it is dropped at once, and its `drop`
//! locks what is locked already.

use std::sync::{Condvar, Mutex};

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
        let mut permits = self.permits.lock().unwrap();
        let free = *permits > 0;
        *permits -= usize::from(free);
        free.then_some(Permit { semaphore: self })
    }

    pub fn add(&self, permits: usize) {
        *self.permits.lock().unwrap() += permits;
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
