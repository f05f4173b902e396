//! `thread_local!` for explored threads: a value for each, made when it is first asked for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr;

pub use std::thread::AccessError;

use super::execution;

/// As [`std::thread::LocalKey`].
pub struct LocalKey<T: 'static> {
    /// Makes the first value.
    #[doc(hidden)]
    pub init: fn() -> T,
}

/// Drops the values of a thread that ends.
pub fn drop_all(thread: usize) {
    while let Some(value) = execution::take_local(thread) {
        drop(value);
    }
}

impl<T: 'static> LocalKey<T> {
    /// As [`std::thread::LocalKey::with`].
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        let key = ptr::from_ref(self) as usize;
        let value = execution::local(key).unwrap_or_else(|| {
            let value = Box::new((self.init)());
            let place = ptr::from_ref(&*value).cast();
            execution::put_local(key, place, value);
            place
        });
        // SAFETY: the box stays where it is until its thread ends, which runs this.
        f(unsafe { &*value.cast::<T>() })
    }

    /// As [`std::thread::LocalKey::try_with`].
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        Ok(self.with(f))
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// As [`std::thread::LocalKey::set`].
    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    /// As [`std::thread::LocalKey::get`].
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// As [`std::thread::LocalKey::take`].
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// As [`std::thread::LocalKey::replace`].
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// As [`std::thread::LocalKey::with_borrow`].
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// As [`std::thread::LocalKey::with_borrow_mut`].
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// As [`std::thread::LocalKey::set`].
    pub fn set(&'static self, value: T) {
        self.with(|cell| *cell.borrow_mut() = value);
    }

    /// As [`std::thread::LocalKey::take`].
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// As [`std::thread::LocalKey::replace`].
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// As [`std::thread_local`].
#[macro_export]
#[doc(hidden)]
macro_rules! weak_thread_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const $init:block $(; $($rest:tt)*)?) => {
        $(#[$attr])* $vis static $name: $crate::weak::thread::LocalKey<$t> =
            $crate::weak::thread::LocalKey { init: || const $init };
        $($crate::weak_thread_local! { $($rest)* })?
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$attr])* $vis static $name: $crate::weak::thread::LocalKey<$t> =
            $crate::weak::thread::LocalKey { init: || $init };
        $($crate::weak_thread_local! { $($rest)* })?
    };
}
