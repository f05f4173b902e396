//! Keeps the number in an atomic beside the lock: who has looked and does not wait yet misses the wake-up.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};

pub struct Semaphore {
    permits: AtomicUsize,
    waiting: Mutex<()>,
    added: Condvar,
}

pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Semaphore {
    pub fn new(permits: usize) -> Semaphore {
        Semaphore {
            permits: AtomicUsize::new(permits),
            waiting: Mutex::new(()),
            added: Condvar::new(),
        }
    }

    pub fn acquire(&self) -> Permit<'_> {
        loop {
            if let Some(permit) = self.try_acquire() {
                return permit;
            }
            let mut waiting = self.waiting.lock().unwrap();
            while self.permits.load(SeqCst) == 0 {
                waiting = self.added.wait(waiting).unwrap();
            }
        }
    }

    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let one_less = |permits: usize| permits.checked_sub(1);
        self.permits.fetch_update(SeqCst, SeqCst, one_less).ok()?;
        Some(Permit { semaphore: self })
    }

    pub fn add(&self, permits: usize) {
        self.permits.fetch_add(permits, SeqCst);
        self.added.notify_all();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.add(1);
    }
}
