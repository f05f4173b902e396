//! `std::sync::Mutex`.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
use std::ops::DerefMut;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use super::super::execution::{self, Part};
use super::super::trace::{self, At, Tag};
use super::poison::Poison;
use crate::report::Obstacle;

/// As [`std::sync::Mutex`].
pub struct Mutex<T: ?Sized> {
    pub(super) lock: Lock,
    pub(super) poison: Poison,
    value: UnsafeCell<T>,
}

/// As [`std::sync::MutexGuard`].
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    pub(super) mutex: &'a Mutex<T>,
    unwinding: bool,
    at: At,
    /// A guard stays in its thread.
    stays: PhantomData<*const ()>,
}

/// A lock without a value: compiled once, and not with every program for every type.
pub(super) struct Lock {
    tag: Tag,
    locked: Cell<bool>,
}

impl Lock {
    const fn new(at: At) -> Lock {
        Lock { tag: Tag::at("mutex", at), locked: Cell::new(false) }
    }

    /// The number of the lock. One that an earlier execution has left locked is free.
    pub(super) fn number(&self, at: At) -> usize {
        let (number, left) = self.tag.number(at);
        if left {
            self.locked.set(false);
        }
        number
    }

    fn lock(&self, at: At) {
        let number = self.number(at);
        execution::point(at);
        if trace::holds(number) {
            trace::act(Some(number), at, || "locks {} again and blocks for ever".to_owned());
            execution::block_for_ever("locking", Obstacle::Resource(number), at);
        }
        self.take(number, at);
        trace::act(Some(number), at, || "locks {}".to_owned());
    }

    /// Waits for the lock and takes it.
    pub(super) fn take(&self, number: usize, at: At) {
        while self.locked.replace(true) {
            let key = (number, Part::Taking);
            execution::block(key, "locking", Obstacle::Resource(number), at);
        }
        trace::acquired(number, at);
    }

    fn try_lock(&self, at: At) -> bool {
        let number = self.number(at);
        execution::point(at);
        if self.locked.replace(true) {
            trace::act(Some(number), at, || "finds {} locked".to_owned());
            return false;
        }
        trace::acquired(number, at);
        trace::act(Some(number), at, || "locks {}".to_owned());
        true
    }

    /// Unlocks, and tells that.
    fn unlock(&self, at: At) {
        let number = self.number(at);
        trace::about_to_unlock(number);
        execution::point(at);
        self.release(number);
        trace::unlocks(number);
    }

    pub(super) fn release(&self, number: usize) {
        self.locked.set(false);
        trace::released(number);
        execution::unblock_all((number, Part::Taking));
    }
}

impl<T> Mutex<T> {
    /// As [`std::sync::Mutex::new`].
    #[track_caller]
    pub const fn new(value: T) -> Mutex<T> {
        let lock = Lock::new(Location::caller());
        Mutex { lock, poison: Poison::new(), value: UnsafeCell::new(value) }
    }

    /// As [`std::sync::Mutex::into_inner`].
    pub fn into_inner(self) -> LockResult<T> {
        let Mutex { poison, value, .. } = self;
        poison.result(value.into_inner())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// As [`std::sync::Mutex::lock`]. A thread that locks again what it holds blocks for ever.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let at = Location::caller();
        self.lock.lock(at);
        self.guard(at)
    }

    /// As [`std::sync::Mutex::try_lock`].
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let at = Location::caller();
        match self.lock.try_lock(at) {
            true => self.guard(at).map_err(TryLockError::Poisoned),
            false => Err(TryLockError::WouldBlock),
        }
    }

    /// As [`std::sync::Mutex::get_mut`].
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.result(self.value.get_mut())
    }

    /// As [`std::sync::Mutex::is_poisoned`].
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// As [`std::sync::Mutex::clear_poison`].
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The number of the lock in the last execution.
    pub(in super::super) fn resource(&self) -> Option<usize> {
        self.lock.tag.known()
    }

    /// The value, whoever has the lock.
    pub(in super::super) fn value(&self) -> *const T {
        self.value.get()
    }

    /// The guard of whoever has just taken the lock.
    pub(super) fn guard(&self, at: At) -> LockResult<MutexGuard<'_, T>> {
        let unwinding = trace::unwinding();
        self.poison.result(MutexGuard { mutex: self, unwinding, at, stays: PhantomData })
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    #[track_caller]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(TryLockError::Poisoned(poisoned)) => shown.field("data", &&**poisoned.get_ref()),
            Err(TryLockError::WouldBlock) => shown.field("data", &format_args!("<locked>")),
        };
        shown.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

// SAFETY: all explored threads are run by one thread of the operating system, and the value is
// reached only by whoever holds the lock.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

guards!(mutex: MutexGuard);
impl<T: ?Sized> UnwindSafe for MutexGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Gives the lock back without a step, and without telling it.
    pub(super) fn take_apart(self) -> &'a Mutex<T> {
        let guard = std::mem::ManuallyDrop::new(self);
        guard.mutex.poison.given_back(guard.unwinding);
        guard.mutex
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.mutex.poison.given_back(self.unwinding);
        self.mutex.lock.unlock(self.at);
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and is borrowed for as long.
        unsafe { &mut *self.mutex.value.get() }
    }
}

/// Locks the mutex again for whoever has waited for something else.
pub(super) fn relock<'a, T: ?Sized>(
    mutex: &'a Mutex<T>,
    at: At,
) -> Result<MutexGuard<'a, T>, PoisonError<MutexGuard<'a, T>>> {
    mutex.lock.take(mutex.lock.number(at), at);
    mutex.guard(at)
}
