//! `std::sync::atomic`, every ordering as strong as `SeqCst`.
//!
//! An atomic is as large as its value, as in std, so what it is called is found by its address.

use std::fmt;
use std::panic::Location;
use std::sync::atomic as real;

pub use std::sync::atomic::{Ordering, compiler_fence};

use super::super::execution;
use super::super::trace::{self, At};

/// As [`std::sync::atomic::fence`].
#[track_caller]
pub fn fence(order: Ordering) {
    execution::point(Location::caller());
    real::fence(order);
}

/// As [`std::sync::atomic::spin_loop_hint`].
#[deprecated(since = "1.51.0", note = "use hint::spin_loop instead")]
#[track_caller]
pub fn spin_loop_hint() {
    super::super::hint::spin_loop();
}

/// Others may run before the running thread does this.
fn before<T>(_: &T, at: At) {
    execution::point(at);
}

/// What was done to an atomic.
fn note<T>(atomic: &T, at: At, what: impl FnOnce() -> String) {
    if trace::with(|world| world.recording) {
        let number = trace::number_of(std::ptr::from_ref(atomic).addr(), at);
        trace::act(Some(number), at, what);
    }
}

/// Whether a weak exchange fails for no reason.
fn fails_for_no_reason() -> bool {
    trace::with(|world| world.may_be_spurious()) && execution::chance(32)
}

macro_rules! atomic {
    ($name:ident, $value:ty $(, $t:ident)?) => {
        #[doc = concat!("As [`std::sync::atomic::", stringify!($name), "`].")]
        #[repr(transparent)]
        pub struct $name $(<$t>)? (real::$name $(<$t>)?);

        impl $(<$t>)? $name $(<$t>)? {
            /// As in std.
            #[must_use]
            pub const fn new(value: $value) -> Self {
                $name(real::$name::new(value))
            }

            /// As in std.
            ///
            /// # Safety
            ///
            /// As in std.
            pub const unsafe fn from_ptr<'a>(pointer: *mut $value) -> &'a Self {
                // SAFETY: the layout is that of the value, and the caller promises the rest.
                unsafe { &*pointer.cast() }
            }

            /// As in std.
            pub const fn as_ptr(&self) -> *mut $value {
                self.0.as_ptr()
            }

            /// As in std.
            pub fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            /// As in std.
            pub const fn into_inner(self) -> $value {
                // SAFETY: the layout is that of the value, which has no destructor.
                unsafe { std::mem::transmute_copy(&self.0) }
            }

            /// As in std.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                let at = Location::caller();
                before(self, at);
                let value = self.0.load(order);
                note(self, at, || format!("reads {value:?} from {{}}"));
                value
            }

            /// As in std.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                let at = Location::caller();
                before(self, at);
                self.0.store(value, order);
                note(self, at, || format!("writes {value:?} to {{}}"));
            }

            atomic!(@change swap, $value, $value);

            /// As in std.
            #[deprecated(since = "1.50.0", note = "use `compare_exchange` instead")]
            #[track_caller]
            pub fn compare_and_swap(&self, current: $value, new: $value, order: Ordering) -> $value {
                let failure = match order {
                    Ordering::Relaxed | Ordering::Release => Ordering::Relaxed,
                    Ordering::Acquire | Ordering::AcqRel => Ordering::Acquire,
                    _ => Ordering::SeqCst,
                };
                match self.compare_exchange(current, new, order, failure) {
                    Ok(old) | Err(old) => old,
                }
            }

            /// As in std.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let at = Location::caller();
                before(self, at);
                let result = self.0.compare_exchange(current, new, success, failure);
                note(self, at, || match result {
                    Ok(old) => format!("swaps {{}} from {old:?} to {new:?}"),
                    Err(is) => format!("finds {is:?} in {{}}, not {current:?}"),
                });
                result
            }

            /// As in std. Fails for no reason now and then, as the standard allows.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                if fails_for_no_reason() {
                    let at = Location::caller();
                    before(self, at);
                    let value = self.0.load(failure);
                    note(self, at, || "fails to swap {}".to_owned());
                    return Err(value);
                }
                self.compare_exchange(current, new, success, failure)
            }

            /// As in std.
            #[track_caller]
            pub fn fetch_update<F>(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                f: F,
            ) -> Result<$value, $value>
            where
                F: FnMut($value) -> Option<$value>,
            {
                self.try_update(set_order, fetch_order, f)
            }

            /// As in std.
            #[track_caller]
            pub fn try_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut old = self.load(fetch_order);
                while let Some(new) = f(old) {
                    match self.compare_exchange_weak(old, new, set_order, fetch_order) {
                        Ok(old) => return Ok(old),
                        Err(is) => old = is,
                    }
                }
                Err(old)
            }

            /// As in std.
            #[track_caller]
            pub fn update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut f: impl FnMut($value) -> $value,
            ) -> $value {
                let mut old = self.load(fetch_order);
                loop {
                    match self.compare_exchange_weak(old, f(old), set_order, fetch_order) {
                        Ok(old) => return old,
                        Err(is) => old = is,
                    }
                }
            }
        }

        impl $(<$t>)? From<$value> for $name $(<$t>)? {
            fn from(value: $value) -> Self {
                $name::new(value)
            }
        }

        impl $(<$t>)? fmt::Debug for $name $(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
    (@change $method:ident, $value:ty, $with:ty) => {
        /// As in std.
        #[track_caller]
        pub fn $method(&self, value: $with, order: Ordering) -> $value {
            let at = Location::caller();
            before(self, at);
            let old = self.0.$method(value, order);
            note(self, at, || {
                format!(concat!(stringify!($method), "({:?}) on {{}}, which was {:?}"), value, old)
            });
            old
        }
    };
}

macro_rules! integers {
    ($($name:ident $value:ty),*) => {$(
        atomic!($name, $value);

        impl $name {
            atomic!(@change fetch_add, $value, $value);
            atomic!(@change fetch_sub, $value, $value);
            atomic!(@change fetch_and, $value, $value);
            atomic!(@change fetch_nand, $value, $value);
            atomic!(@change fetch_or, $value, $value);
            atomic!(@change fetch_xor, $value, $value);
            atomic!(@change fetch_max, $value, $value);
            atomic!(@change fetch_min, $value, $value);
        }

        impl Default for $name {
            fn default() -> $name {
                $name::new(0)
            }
        }
    )*};
}

integers!(AtomicI8 i8, AtomicU8 u8, AtomicI16 i16, AtomicU16 u16, AtomicI32 i32, AtomicU32 u32,
    AtomicI64 i64, AtomicU64 u64, AtomicIsize isize, AtomicUsize usize);

atomic!(AtomicBool, bool);

impl AtomicBool {
    atomic!(@change fetch_and, bool, bool);
    atomic!(@change fetch_nand, bool, bool);
    atomic!(@change fetch_or, bool, bool);
    atomic!(@change fetch_xor, bool, bool);

    /// As in std.
    #[track_caller]
    pub fn fetch_not(&self, order: Ordering) -> bool {
        self.fetch_xor(true, order)
    }
}

impl Default for AtomicBool {
    fn default() -> AtomicBool {
        AtomicBool::new(false)
    }
}

atomic!(AtomicPtr, *mut T, T);

impl<T> AtomicPtr<T> {
    /// As in std.
    #[must_use]
    pub const fn null() -> AtomicPtr<T> {
        AtomicPtr::new(std::ptr::null_mut())
    }

    atomic!(@change fetch_ptr_add, *mut T, usize);
    atomic!(@change fetch_ptr_sub, *mut T, usize);
    atomic!(@change fetch_byte_add, *mut T, usize);
    atomic!(@change fetch_byte_sub, *mut T, usize);
    atomic!(@change fetch_or, *mut T, usize);
    atomic!(@change fetch_and, *mut T, usize);
    atomic!(@change fetch_xor, *mut T, usize);
}

impl<T> Default for AtomicPtr<T> {
    fn default() -> AtomicPtr<T> {
        AtomicPtr::new(std::ptr::null_mut())
    }
}

impl<T> fmt::Pointer for AtomicPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.0, f)
    }
}

#[allow(deprecated, reason = "std has them")]
mod initial {
    use super::{AtomicBool, AtomicIsize, AtomicUsize};

    /// As [`std::sync::atomic::ATOMIC_BOOL_INIT`].
    #[deprecated(since = "1.34.0", note = "the `new` function is now preferred")]
    #[allow(clippy::declare_interior_mutable_const, reason = "std has it so")]
    pub const ATOMIC_BOOL_INIT: AtomicBool = AtomicBool::new(false);

    /// As [`std::sync::atomic::ATOMIC_ISIZE_INIT`].
    #[deprecated(since = "1.34.0", note = "the `new` function is now preferred")]
    #[allow(clippy::declare_interior_mutable_const, reason = "std has it so")]
    pub const ATOMIC_ISIZE_INIT: AtomicIsize = AtomicIsize::new(0);

    /// As [`std::sync::atomic::ATOMIC_USIZE_INIT`].
    #[deprecated(since = "1.34.0", note = "the `new` function is now preferred")]
    #[allow(clippy::declare_interior_mutable_const, reason = "std has it so")]
    pub const ATOMIC_USIZE_INIT: AtomicUsize = AtomicUsize::new(0);
}

#[allow(deprecated, reason = "std has them")]
pub use initial::{ATOMIC_BOOL_INIT, ATOMIC_ISIZE_INIT, ATOMIC_USIZE_INIT};
