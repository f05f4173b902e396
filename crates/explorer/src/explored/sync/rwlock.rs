//! `std::sync::RwLock`. Whoever would read waits while somebody waits to write, as in std.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
use std::ops::DerefMut;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::super::execution::{self, Part};
use super::super::trace::{self, At, Tag};
use super::poison::Poison;
use crate::report::Obstacle;

/// As [`std::sync::RwLock`].
pub struct RwLock<T: ?Sized> {
    lock: Lock,
    poison: Poison,
    value: UnsafeCell<T>,
}

/// A lock without a value: compiled once, and not with every program for every type.
struct Lock {
    tag: Tag,
    readers: Cell<usize>,
    writer: Cell<bool>,
    /// How many wait to write.
    waiting: Cell<usize>,
}

impl Lock {
    /// The number of the lock. One that an earlier execution has left locked is free.
    fn number(&self, at: At) -> usize {
        let (number, left) = self.tag.number(at);
        if left {
            self.readers.set(0);
            self.writer.set(false);
            self.waiting.set(0);
        }
        number
    }

    fn can_read(&self) -> bool {
        !self.writer.get() && self.waiting.get() == 0
    }

    fn can_write(&self) -> bool {
        !self.writer.get() && self.readers.get() == 0
    }

    fn enter(&self, number: usize, writes: bool, at: At) {
        match writes {
            true => self.writer.set(true),
            false => self.readers.set(self.readers.get() + 1),
        }
        trace::acquired(number, at);
        trace::act(Some(number), at, || match writes {
            true => "locks {} to write".to_owned(),
            false => "locks {} to read".to_owned(),
        });
    }

    fn read(&self, at: At) {
        let number = self.number(at);
        execution::point(at);
        while !self.can_read() {
            let (key, of) = ((number, Part::Taking), Obstacle::Resource(number));
            execution::block(key, "locking to read", of, at);
        }
        self.enter(number, false, at);
    }

    fn write(&self, at: At) {
        let number = self.number(at);
        execution::point(at);
        if !self.can_write() {
            self.waiting.set(self.waiting.get() + 1);
            while !self.can_write() {
                let (key, of) = ((number, Part::Taking), Obstacle::Resource(number));
                execution::block(key, "locking to write", of, at);
            }
            self.waiting.set(self.waiting.get() - 1);
        }
        self.enter(number, true, at);
    }

    fn try_enter(&self, writes: bool, at: At) -> bool {
        let number = self.number(at);
        execution::point(at);
        let can = if writes { self.can_write() } else { self.can_read() };
        match can {
            true => self.enter(number, writes, at),
            false => trace::act(Some(number), at, || "finds {} locked".to_owned()),
        }
        can
    }

    fn leave(&self, writes: bool, at: At) {
        let number = self.number(at);
        trace::about_to_unlock(number);
        execution::point(at);
        match writes {
            true => self.writer.set(false),
            false => self.readers.set(self.readers.get().saturating_sub(1)),
        }
        trace::released(number);
        execution::unblock_all((number, Part::Taking));
        trace::unlocks(number);
    }

    fn downgrade(&self, at: At) {
        let number = self.number(at);
        execution::point(at);
        self.writer.set(false);
        self.readers.set(1);
        execution::unblock_all((number, Part::Taking));
        trace::act(Some(number), at, || "goes on to read {} only".to_owned());
    }
}

impl<T> RwLock<T> {
    /// As [`std::sync::RwLock::new`].
    #[track_caller]
    pub const fn new(value: T) -> RwLock<T> {
        let lock = Lock {
            tag: Tag::new("reader-writer lock"),
            readers: Cell::new(0),
            writer: Cell::new(false),
            waiting: Cell::new(0),
        };
        RwLock { lock, poison: Poison::new(), value: UnsafeCell::new(value) }
    }

    /// As [`std::sync::RwLock::into_inner`].
    pub fn into_inner(self) -> LockResult<T> {
        let RwLock { poison, value, .. } = self;
        poison.result(value.into_inner())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// As [`std::sync::RwLock::read`].
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let at = Location::caller();
        self.lock.read(at);
        self.poison.result(RwLockReadGuard { lock: self, at, stays: PhantomData })
    }

    /// As [`std::sync::RwLock::try_read`].
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let at = Location::caller();
        if !self.lock.try_enter(false, at) {
            return Err(TryLockError::WouldBlock);
        }
        let guard = RwLockReadGuard { lock: self, at, stays: PhantomData };
        self.poison.result(guard).map_err(TryLockError::Poisoned)
    }

    /// As [`std::sync::RwLock::write`].
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let at = Location::caller();
        self.lock.write(at);
        let unwinding = trace::unwinding();
        self.poison.result(RwLockWriteGuard { lock: self, unwinding, at, stays: PhantomData })
    }

    /// As [`std::sync::RwLock::try_write`].
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let at = Location::caller();
        if !self.lock.try_enter(true, at) {
            return Err(TryLockError::WouldBlock);
        }
        let unwinding = trace::unwinding();
        let guard = RwLockWriteGuard { lock: self, unwinding, at, stays: PhantomData };
        self.poison.result(guard).map_err(TryLockError::Poisoned)
    }

    /// As [`std::sync::RwLock::get_mut`].
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.result(self.value.get_mut())
    }

    /// As [`std::sync::RwLock::is_poisoned`].
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// As [`std::sync::RwLock::clear_poison`].
    pub fn clear_poison(&self) {
        self.poison.clear();
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    #[track_caller]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(TryLockError::Poisoned(poisoned)) => shown.field("data", &&**poisoned.get_ref()),
            Err(TryLockError::WouldBlock) => shown.field("data", &format_args!("<locked>")),
        };
        shown.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

// SAFETY: all explored threads are run by one thread of the operating system, and the value is
// reached only by whoever holds the lock.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

/// As [`std::sync::RwLockReadGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    at: At,
    /// A guard stays in its thread.
    stays: PhantomData<*const ()>,
}

/// As [`std::sync::RwLockWriteGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    unwinding: bool,
    at: At,
    /// A guard stays in its thread.
    stays: PhantomData<*const ()>,
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.lock.leave(false, self.at);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.poison.given_back(self.unwinding);
        self.lock.lock.leave(true, self.at);
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// As [`std::sync::RwLockWriteGuard::downgrade`].
    #[track_caller]
    pub fn downgrade(s: RwLockWriteGuard<'a, T>) -> RwLockReadGuard<'a, T> {
        let guard = std::mem::ManuallyDrop::new(s);
        let (lock, at) = (guard.lock, Location::caller());
        lock.poison.given_back(guard.unwinding);
        lock.lock.downgrade(at);
        RwLockReadGuard { lock, at, stays: PhantomData }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock to write, and is borrowed for as long.
        unsafe { &mut *self.lock.value.get() }
    }
}

guards!(lock: RwLockReadGuard RwLockWriteGuard);

impl<T: ?Sized + RefUnwindSafe> UnwindSafe for RwLockReadGuard<'_, T> {}
impl<T: ?Sized + RefUnwindSafe> RefUnwindSafe for RwLockReadGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for RwLockWriteGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for RwLockWriteGuard<'_, T> {}
