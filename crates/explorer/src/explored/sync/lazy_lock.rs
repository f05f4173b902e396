//! `std::sync::LazyLock`.

use std::cell::UnsafeCell;
use std::fmt;
use std::mem::{ManuallyDrop, needs_drop};
use std::ops::{Deref, DerefMut};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use super::super::trace::At;
use super::once::Once;

/// As [`std::sync::LazyLock`]. One of an earlier execution is made anew in this one.
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    data: UnsafeCell<Data<T, F>>,
}

/// What makes the value, and then the value.
struct Data<T, F> {
    init: ManuallyDrop<F>,
    value: Option<ManuallyDrop<T>>,
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// As [`std::sync::LazyLock::new`].
    #[track_caller]
    pub const fn new(f: F) -> LazyLock<T, F> {
        let data = UnsafeCell::new(Data { init: ManuallyDrop::new(f), value: None });
        LazyLock { once: Once::of("lazy value"), data }
    }

    /// As [`std::sync::LazyLock::force`].
    #[track_caller]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        this.made(Location::caller())
    }

    fn made(&self, at: At) -> &T {
        self.once.call(false, at, &mut |_| {
            // SAFETY: one thread does it, and nobody looks before.
            let init = unsafe { std::ptr::read(&raw const (*self.data.get()).init) };
            let value = ManuallyDrop::into_inner(init)();
            // SAFETY: as above. A value of an earlier execution is forgotten.
            unsafe { (*self.data.get()).value = Some(ManuallyDrop::new(value)) };
        });
        // SAFETY: it is done, and the value stays.
        unsafe { (*self.data.get()).value.as_deref() }.expect("a value that was made")
    }

    /// As [`std::sync::LazyLock::force_mut`].
    #[track_caller]
    pub fn force_mut(this: &mut LazyLock<T, F>) -> &mut T {
        this.made(Location::caller());
        this.data.get_mut().value.as_deref_mut().expect("a value that was made")
    }
}

impl<T, F> LazyLock<T, F> {
    /// As [`std::sync::LazyLock::get`].
    #[track_caller]
    pub fn get(this: &LazyLock<T, F>) -> Option<&T> {
        if !this.once.is_completed() {
            return None;
        }
        // SAFETY: it is done, and the value stays.
        unsafe { (*this.data.get()).value.as_deref() }
    }

    /// As [`std::sync::LazyLock::get_mut`].
    pub fn get_mut(this: &mut LazyLock<T, F>) -> Option<&mut T> {
        if !this.once.is_done() {
            return None;
        }
        this.data.get_mut().value.as_deref_mut()
    }
}

impl<T, F> Drop for LazyLock<T, F> {
    fn drop(&mut self) {
        let done = self.once.is_done();
        let data = self.data.get_mut();
        if let Some(value) = data.value.as_mut().filter(|_| done) {
            // SAFETY: nobody uses it any more.
            unsafe { ManuallyDrop::drop(value) };
        } else if !done && needs_drop::<F>() && !self.once.is_poisoned() {
            // SAFETY: it was not called, or it would be done, or poisoned.
            unsafe { ManuallyDrop::drop(&mut data.init) };
        }
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.made(Location::caller())
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        LazyLock::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    #[track_caller]
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    #[track_caller]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("LazyLock");
        match LazyLock::get(self) {
            Some(value) => shown.field(value),
            None => shown.field(&format_args!("<uninit>")),
        };
        shown.finish()
    }
}

// SAFETY: as in std: the closure is called by one thread and never shared.
unsafe impl<T: Sync + Send, F: Send> Sync for LazyLock<T, F> {}
impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}
