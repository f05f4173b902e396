//! From a lock to a mutex: the value inside, and a guard that cannot forget to unlock.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Lets one thread at a time past [`Lock::lock`]. `Default` is the unlocked state.
///
/// # Safety
///
/// Between the return of `lock` in one thread and that thread's `unlock`, no other thread's `lock`
/// may return; and what was written before `unlock` must be visible after the next `lock`.
pub unsafe trait Lock: Default {
    /// Waits until this thread alone is inside.
    fn lock(&self);

    /// Lets the next one in.
    ///
    /// # Safety
    ///
    /// The caller is inside.
    unsafe fn unlock(&self);
}

/// A value that can be reached only through a [`Guard`].
#[derive(Debug, Default)]
pub struct Mutex<L, T> {
    lock: L,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at a time reach the value, so the threads only have to be able
// to hand it on.
unsafe impl<L: Lock + Sync, T: Send> Sync for Mutex<L, T> {}

impl<L: Lock, T> Mutex<L, T> {
    /// An unlocked mutex.
    pub fn new(value: T) -> Self {
        Mutex { lock: L::default(), value: UnsafeCell::new(value) }
    }

    /// Waits until this thread alone is inside.
    #[inline]
    pub fn lock(&self) -> Guard<'_, L, T> {
        self.lock.lock();
        Guard { mutex: self, not_send: PhantomData }
    }
}

// ANCHOR: guard
/// The right to use the value. Dropping it, in whatever way the scope is left, unlocks.
#[derive(Debug)]
#[must_use = "the mutex is unlocked when the guard is dropped"]
pub struct Guard<'a, L: Lock, T> {
    mutex: &'a Mutex<L, T>,
    /// The thread that locked is the one to unlock.
    not_send: PhantomData<*const ()>,
}

impl<L: Lock, T> Drop for Guard<'_, L, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a guard exists only while its thread is inside.
        unsafe { self.mutex.lock.unlock() }
    }
}
// ANCHOR_END: guard

impl<L: Lock, T> Deref for Guard<'_, L, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread is inside, so nobody else has a reference.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<L: Lock, T> DerefMut for Guard<'_, L, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this thread is inside, and the guard is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Spin, ThreeState, TwoState};

    fn counts_exactly<L: Lock + Sync>() {
        let count = Mutex::<L, u32>::new(0);
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| (0..10_000).for_each(|_| *count.lock() += 1));
            }
        });
        assert_eq!(*count.lock(), 30_000);
    }

    #[test]
    fn every_step_excludes() {
        counts_exactly::<Spin>();
        counts_exactly::<TwoState>();
        counts_exactly::<ThreeState>();
    }

    #[test]
    fn a_panic_unlocks() {
        let mutex = Mutex::<ThreeState, u32>::new(1);
        let panics = std::panic::AssertUnwindSafe(|| {
            let _guard = mutex.lock();
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(*mutex.lock(), 1);
    }
}
