//! try_acquire takes nothing while others wait.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};

pub struct Semaphore {
    permits: Mutex<usize>,
    added: Condvar,
    waiting: AtomicUsize,
}

pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Semaphore {
    pub fn new(permits: usize) -> Semaphore {
        Semaphore {
            permits: Mutex::new(permits),
            added: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    pub fn acquire(&self) -> Permit<'_> {
        let mut permits = self.permits.lock().unwrap();
        while *permits == 0 {
            self.waiting.fetch_add(1, SeqCst);
            permits = self.added.wait(permits).unwrap();
            self.waiting.fetch_sub(1, SeqCst);
        }
        *permits -= 1;
        Permit { semaphore: self }
    }

    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut permits = self.permits.lock().unwrap();
        if self.waiting.load(SeqCst) > 0 {
            return None;
        }
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
