//! A counting semaphore, from a mutex and a condition variable.

use std::sync::Mutex;

/// A number of permits. Whoever has one may go on; whoever finds none waits.
pub struct Semaphore {
    permits: Mutex<usize>,
}

/// A permit, which goes back when this is dropped.
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Semaphore {
    /// A semaphore with `permits` permits, which may be 0.
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Mutex::new(permits) }
    }

    /// Takes a permit, and waits until there is one.
    pub fn acquire(&self) -> Permit<'_> {
        let mut permits = self.permits.lock().unwrap();
        *permits = permits.saturating_sub(1); // TODO: wait while there is none.
        Permit { semaphore: self }
    }

    /// Takes a permit if there is one, and never waits for one.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        None // TODO
    }

    /// Puts in `permits` more. As many of those who are waiting go on.
    pub fn add(&self, permits: usize) {
        *self.permits.lock().unwrap() += permits;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.add(1);
    }
}
