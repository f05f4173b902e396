//! try_acquire is patient for a moment.

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
        let moment = std::time::Duration::from_millis(5);
        let permits = self.permits.lock().unwrap();
        let none = |permits: &mut usize| *permits == 0;
        let (mut permits, _) = self.added.wait_timeout_while(permits, moment, none).unwrap();
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
