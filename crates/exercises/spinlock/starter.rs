//! A lock out of one atomic.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// A value that one thread at a time can have. Whoever waits for it spins.
pub struct SpinLock<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// TODO: for which values is it sound to share the lock between threads?
// SAFETY: not yet.
unsafe impl<T> Sync for SpinLock<T> {}

/// Access to the value. The lock is free again when this is dropped, however that comes about.
pub struct Guard<'a, T> {
    lock: &'a SpinLock<T>,
}

// TODO: for which values is it sound to share a guard? The compiler sees only the reference in it.

impl<T> SpinLock<T> {
    /// A lock that is free.
    pub fn new(value: T) -> SpinLock<T> {
        SpinLock { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Takes the lock. Waits until it is free, and keeps telling the processor that it spins.
    pub fn lock(&self) -> Guard<'_, T> {
        // TODO: between these two steps, somebody else may take it.
        while self.locked.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        self.locked.store(true, Ordering::Relaxed);
        Guard { lock: self }
    }

    /// Takes the lock if it is free. Never waits.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        None // TODO
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: whoever has a guard has the lock, so nobody else has a reference to the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.lock.locked.store(false, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for SpinLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinLock").finish_non_exhaustive()
    }
}
