//! `std::thread_local!`: each explored thread has values of its own, dropped when it ends.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use super::super::trace;

/// As [`std::thread::LocalKey`].
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
}

/// As [`std::thread::AccessError`].
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl std::error::Error for AccessError {}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

impl<T: 'static> LocalKey<T> {
    /// What `thread_local!` makes.
    #[doc(hidden)]
    pub const fn of(init: fn() -> T) -> LocalKey<T> {
        LocalKey { init }
    }

    /// The value of the running thread, made with `init` or as the declaration says; `None` when it
    /// was dropped already.
    fn value(&'static self, init: impl FnOnce() -> T) -> Option<Rc<T>> {
        let key = std::ptr::from_ref(self).addr();
        let found = |world: &mut trace::World| {
            let mut locals = world.task().locals.iter();
            let found = locals.find(|(other, _)| *other == key)?;
            Some(found.1.as_ref().and_then(|value| value.downcast_ref::<Rc<T>>()).cloned())
        };
        if let Some(known) = trace::with(found) {
            return known;
        }
        let value = Rc::new(init());
        // What makes the value may have made it before.
        trace::with(|world| {
            let kept: Box<dyn Any> = Box::new(value.clone());
            let locals = &mut world.task().locals;
            match locals.iter_mut().find(|(other, _)| *other == key) {
                Some((_, place)) => *place = Some(kept),
                None => locals.push((key, Some(kept))),
            }
        });
        Some(value)
    }

    /// As [`std::thread::LocalKey::with`].
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.try_with(f).unwrap_or_else(|error| destroyed(error))
    }

    /// As [`std::thread::LocalKey::try_with`].
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let value = self.value(self.init).ok_or(AccessError)?;
        Ok(f(&value))
    }

    /// Makes the value of `value` unless there is one; then it is what is put there.
    #[track_caller]
    fn put<C>(&'static self, value: C, first: impl FnOnce(C) -> T, put: impl FnOnce(&T, C)) {
        let mut given = Some(value);
        let there = self.value(|| first(given.take().expect("called once")));
        let there = there.unwrap_or_else(|| destroyed(AccessError));
        if let Some(value) = given {
            put(&there, value);
        }
    }
}

#[track_caller]
fn destroyed(error: AccessError) -> ! {
    panic!("cannot access a Thread Local Storage value during or after destruction: {error:?}")
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// As [`std::thread::LocalKey::set`].
    #[track_caller]
    pub fn set(&'static self, value: T) {
        self.put(value, Cell::new, |cell, value| cell.set(value));
    }

    /// As [`std::thread::LocalKey::get`].
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// As [`std::thread::LocalKey::take`].
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// As [`std::thread::LocalKey::replace`].
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// As [`std::thread::LocalKey::with_borrow`].
    #[track_caller]
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// As [`std::thread::LocalKey::with_borrow_mut`].
    #[track_caller]
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// As [`std::thread::LocalKey::set`].
    #[track_caller]
    pub fn set(&'static self, value: T) {
        self.put(value, RefCell::new, |cell, value| *cell.borrow_mut() = value);
    }

    /// As [`std::thread::LocalKey::take`].
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// As [`std::thread::LocalKey::replace`].
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

/// Drops the values of the running thread, and those that are made meanwhile.
pub(super) fn drop_all() {
    loop {
        let next = trace::with(|world| {
            let mut locals = world.task().locals.iter_mut();
            locals.find_map(|(_, value)| value.take())
        });
        let Some(value) = next else { return };
        drop(value);
    }
}

/// As [`std::thread_local!`].
#[macro_export]
macro_rules! thread_local {
    () => {};
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = const $init:block; $($rest:tt)*) => {
        $crate::thread_local!(@one [$(#[$attribute])*] [$vis] $name, $t, const $init);
        $crate::thread_local!($($rest)*);
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = const $init:block) => {
        $crate::thread_local!(@one [$(#[$attribute])*] [$vis] $name, $t, const $init);
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = $init:expr; $($rest:tt)*) => {
        $crate::thread_local!(@one [$(#[$attribute])*] [$vis] $name, $t, $init);
        $crate::thread_local!($($rest)*);
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = $init:expr) => {
        $crate::thread_local!(@one [$(#[$attribute])*] [$vis] $name, $t, $init);
    };
    (@one [$($attribute:tt)*] [$vis:vis] $name:ident, $t:ty, $init:expr) => {
        $($attribute)* $vis static $name: $crate::explored::thread::LocalKey<$t> =
            $crate::explored::thread::LocalKey::of({
                fn init() -> $t {
                    $init
                }
                init
            });
    };
}
