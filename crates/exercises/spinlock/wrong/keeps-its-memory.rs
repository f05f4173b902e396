//! The value in a box of its own, which is never freed: only the value in it is dropped.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, Ordering};

pub struct SpinLock<T> {
    locked: AtomicU8,
    value: *mut T,
}

// SAFETY: the lock gives the value to one thread at a time, which is as if it were sent there.
unsafe impl<T: Send> Sync for SpinLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for SpinLock<T> {}

impl<T> Drop for SpinLock<T> {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        unsafe { self.value.drop_in_place() };
    }
}

pub struct Guard<'a, T> {
    lock: &'a SpinLock<T>,
}

// SAFETY: a shared guard is a shared reference to the value.
unsafe impl<T: Sync> Sync for Guard<'_, T> {}

impl<T> SpinLock<T> {
    pub fn new(value: T) -> SpinLock<T> {
        SpinLock { locked: AtomicU8::new(0), value: Box::into_raw(Box::new(value)) }
    }

    pub fn lock(&self) -> Guard<'_, T> {
        while self.locked.fetch_max(1, Ordering::Acquire) == 1 {
            while self.locked.load(Ordering::Relaxed) == 1 {
                std::thread::yield_now();
            }
        }
        Guard { lock: self }
    }

    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let take = |locked| (locked == 0).then_some(1);
        let taken = self.locked.fetch_update(Ordering::Acquire, Ordering::Relaxed, take);
        taken.is_ok().then(|| Guard { lock: self })
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: whoever has a guard has the lock, so nobody else has a reference to the value.
        unsafe { &*self.lock.value }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.value }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.lock.locked.swap(0, Ordering::Release);
    }
}
