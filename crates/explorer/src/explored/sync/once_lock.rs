//! `std::sync::OnceLock`.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use super::super::trace::At;
use super::once::Once;

/// As [`std::sync::OnceLock`]. One of an earlier execution is empty in this one.
pub struct OnceLock<T> {
    once: Once,
    value: UnsafeCell<MaybeUninit<T>>,
    /// It drops a value.
    owns: PhantomData<T>,
}

impl<T> OnceLock<T> {
    /// As [`std::sync::OnceLock::new`].
    #[must_use]
    #[track_caller]
    pub const fn new() -> OnceLock<T> {
        let value = UnsafeCell::new(MaybeUninit::uninit());
        OnceLock { once: Once::of("cell"), value, owns: PhantomData }
    }

    /// As [`std::sync::OnceLock::get`].
    #[track_caller]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: whoever has done it has put a value there, which stays.
        self.once.is_completed().then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// As [`std::sync::OnceLock::get_mut`].
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: as above.
        self.once.is_done().then(|| unsafe { self.value.get_mut().assume_init_mut() })
    }

    /// As [`std::sync::OnceLock::wait`].
    #[track_caller]
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        // SAFETY: as above.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    /// As [`std::sync::OnceLock::set`].
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.fill(Location::caller(), || value.take().expect("called once"));
        match value {
            None => Ok(()),
            Some(value) => Err(value),
        }
    }

    /// As [`std::sync::OnceLock::get_or_init`].
    #[track_caller]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        self.fill(Location::caller(), f)
    }

    fn fill(&self, at: At, f: impl FnOnce() -> T) -> &T {
        let mut f = Some(f);
        self.once.call(true, at, &mut |_| {
            let value = f.take().expect("called once")();
            // SAFETY: one thread does it, and nobody looks before.
            unsafe { (*self.value.get()).write(value) };
        });
        // SAFETY: it is done.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    /// As [`std::sync::OnceLock::into_inner`].
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// As [`std::sync::OnceLock::take`].
    pub fn take(&mut self) -> Option<T> {
        if !self.once.is_done() {
            return None;
        }
        self.once.forget();
        // SAFETY: it was done, and is not any more.
        Some(unsafe { self.value.get_mut().assume_init_read() })
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> Default for OnceLock<T> {
    #[track_caller]
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    #[track_caller]
    fn from(value: T) -> OnceLock<T> {
        let value = UnsafeCell::new(MaybeUninit::new(value));
        OnceLock { once: Once::done("cell"), value, owns: PhantomData }
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    #[track_caller]
    fn clone(&self) -> OnceLock<T> {
        match self.get() {
            Some(value) => OnceLock::from(value.clone()),
            None => OnceLock::new(),
        }
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    #[track_caller]
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    #[track_caller]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => shown.field(value),
            None => shown.field(&format_args!("<uninit>")),
        };
        shown.finish()
    }
}

// SAFETY: as in std: who shares it may drop, or be given, what another thread has put there.
unsafe impl<T: Sync + Send> Sync for OnceLock<T> {}
// SAFETY: as in std.
unsafe impl<T: Send> Send for OnceLock<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}
