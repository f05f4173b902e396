//! Whoever wants a permit goes through a door, and whoever waits stands in it.

use std::sync::{Condvar, Mutex};

/// A number of permits. Whoever has one may go on; whoever finds none waits.
pub struct Semaphore {
    permits: Mutex<usize>,
    /// Whoever is next has this.
    door: Mutex<()>,
    more: Condvar,
}

/// A permit, which goes back when this is dropped.
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.add(1);
    }
}

impl Semaphore {
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Mutex::new(permits), door: Mutex::new(()), more: Condvar::new() }
    }

    pub fn acquire(&self) -> Permit<'_> {
        let _door = self.door.lock().unwrap();
        let mut permits = self.permits.lock().unwrap();
        while *permits == 0 {
            permits = self.more.wait(permits).unwrap();
        }
        *permits -= 1;
        Permit { semaphore: self }
    }

    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let _door = self.door.lock().unwrap();
        let mut permits = self.permits.lock().unwrap();
        if *permits == 0 {
            return None;
        }
        *permits -= 1;
        Some(Permit { semaphore: self })
    }

    pub fn add(&self, permits: usize) {
        *self.permits.lock().unwrap() += permits;
        for _ in 0..permits {
            self.more.notify_one();
        }
    }
}
