//! `std::sync::atomic`: the true types, in a wrapper whose `compare_exchange_weak` fails for no reason
//! in some executions, and whose `fetch_max` and `fetch_min` are made of what the compiler's
//! instrumentation knows. Everything is inlined, so that it is instrumented with its caller.

use std::fmt;
use std::sync::atomic::{self as real, Ordering::*};

pub use std::sync::atomic::{Ordering, compiler_fence, fence};

use super::execution::{self, Operation};
use super::memory::Order;

/// The ordering of a load that belongs to a read-modify-write.
#[inline]
fn of_load(order: Ordering) -> Ordering {
    match order {
        Relaxed | Release => Relaxed,
        Acquire | AcqRel => Acquire,
        _ => SeqCst,
    }
}

/// The same ordering, as the explorer names it.
fn known(order: Ordering) -> Order {
    match order {
        Relaxed => Order::Relaxed,
        Acquire => Order::Acquire,
        Release => Order::Release,
        AcqRel => Order::AcqRel,
        _ => Order::SeqCst,
    }
}

/// The bits of a value of so many bytes.
fn mask(size: usize) -> u64 {
    u64::MAX >> (64 - 8 * size)
}

/// A compare-and-exchange that may fail for no reason: what was read, as an error if nothing was
/// stored. `None` outside of executions, and for orderings of failure that there are not.
pub fn exchanged_weak(
    (address, size): (usize, usize),
    (expected, new): (u64, u64),
    (success, failure): (Ordering, Ordering),
) -> Option<Result<u64, u64>> {
    if matches!(failure, Release | AcqRel) {
        return None;
    }
    let values = (expected & mask(size), new & mask(size));
    execution::exchange_weak((address, size), values, (known(success), known(failure)))
}

/// A read-modify-write that the instrumentation does not know; `None` outside of executions.
pub fn changed(
    name: &'static str,
    (address, size): (usize, usize),
    change: &dyn Fn(u64) -> u64,
    order: Ordering,
) -> Option<u64> {
    let change = |old: u64| Some(change(old) & mask(size));
    let order = known(order);
    execution::atomic(name, address, size, Operation::Update(&change, order), order)
}

/// The part that all types have. Each method is as that of std of the same name.
macro_rules! atomic {
    ($name:ident $initial:expr, $value:ty, $to_bits:expr, $of_bits:expr, [$($generic:ident)?]) => {
        #[doc = concat!("As [`std::sync::atomic::", stringify!($name), "`].")]
        #[repr(transparent)]
        pub struct $name$(<$generic>)?(real::$name$(<$generic>)?);

        #[allow(missing_docs, clippy::missing_safety_doc)]
        impl$(<$generic>)? $name$(<$generic>)? {
            #[inline]
            pub const fn new(value: $value) -> Self {
                Self(real::$name::new(value))
            }

            #[inline]
            pub const unsafe fn from_ptr<'a>(pointer: *mut $value) -> &'a Self {
                // SAFETY: the caller promises it, and the wrapper is transparent.
                unsafe { &*(pointer as *const Self) }
            }

            #[inline]
            pub fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            #[inline]
            pub const fn into_inner(self) -> $value {
                self.0.into_inner()
            }

            #[inline]
            pub const fn as_ptr(&self) -> *mut $value {
                self.0.as_ptr()
            }

            #[inline]
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }

            #[inline]
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, order);
            }

            #[inline]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.0.swap(value, order)
            }

            #[deprecated(since = "1.50.0", note = "Use `compare_exchange` or `compare_exchange_weak` instead")]
            #[inline]
            pub fn compare_and_swap(&self, current: $value, new: $value, order: Ordering) -> $value {
                self.0.compare_exchange(current, new, order, of_load(order)).unwrap_or_else(|old| old)
            }

            #[inline]
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange(current, new, success, failure)
            }

            #[inline]
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let place = (self.as_ptr() as usize, size_of::<$value>());
                let values = (($to_bits)(current), ($to_bits)(new));
                match exchanged_weak(place, values, (success, failure)) {
                    Some(Ok(_)) => Ok(current),
                    Some(Err(bits)) => Err(($of_bits)(bits)),
                    None => self.0.compare_exchange_weak(current, new, success, failure),
                }
            }

            #[inline]
            #[track_caller]
            pub fn fetch_update<F: FnMut($value) -> Option<$value>>(
                &self,
                set: Ordering,
                fetch: Ordering,
                f: F,
            ) -> Result<$value, $value> {
                self.0.fetch_update(set, fetch, f)
            }

            #[inline]
            #[track_caller]
            pub fn try_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                self.0.try_update(set, fetch, f)
            }

            #[inline]
            #[track_caller]
            pub fn update(
                &self,
                set: Ordering,
                fetch: Ordering,
                f: impl FnMut($value) -> $value,
            ) -> $value {
                self.0.update(set, fetch, f)
            }
        }

        impl$(<$generic>)? Default for $name$(<$generic>)? {
            #[inline]
            fn default() -> Self {
                Self::new($initial)
            }
        }

        impl$(<$generic>)? From<$value> for $name$(<$generic>)? {
            #[inline]
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }

        impl$(<$generic>)? fmt::Debug for $name$(<$generic>)? {
            #[inline]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.load(Relaxed), f)
            }
        }
    };
}

/// Read-modify-writes that the true type has.
macro_rules! fetch {
    ($name:ident, $value:ty, [$($generic:ident)?], $($method:ident $with:ty),*) => {
        #[allow(missing_docs)]
        impl$(<$generic>)? $name$(<$generic>)? {
            $(
                #[inline]
                pub fn $method(&self, with: $with, order: Ordering) -> $value {
                    self.0.$method(with, order)
                }
            )*
        }
    };
}

macro_rules! integers {
    ($($name:ident $init:ident $value:ident)*) => {
        $(
            atomic!($name 0, $value, |it: $value| it as u64, |bits: u64| bits as $value, []);
            fetch!($name, $value, [], fetch_add $value, fetch_sub $value, fetch_and $value,
                fetch_nand $value, fetch_or $value, fetch_xor $value);

            #[allow(missing_docs)]
            impl $name {
                #[inline]
                pub fn fetch_max(&self, with: $value, order: Ordering) -> $value {
                    let max = |old: u64| (old as $value).max(with) as u64;
                    let place = (self.as_ptr() as usize, size_of::<$value>());
                    match changed("fetch_max", place, &max, order) {
                        Some(old) => old as $value,
                        None => self.0.fetch_max(with, order),
                    }
                }

                #[inline]
                pub fn fetch_min(&self, with: $value, order: Ordering) -> $value {
                    let min = |old: u64| (old as $value).min(with) as u64;
                    let place = (self.as_ptr() as usize, size_of::<$value>());
                    match changed("fetch_min", place, &min, order) {
                        Some(old) => old as $value,
                        None => self.0.fetch_min(with, order),
                    }
                }
            }

            #[allow(missing_docs, clippy::declare_interior_mutable_const)]
            #[deprecated(since = "1.34.0", note = "the `new` function is now preferred")]
            pub const $init: $name = $name::new(0);
        )*
    };
}

integers! {
    AtomicI8 ATOMIC_I8_INIT i8
    AtomicU8 ATOMIC_U8_INIT u8
    AtomicI16 ATOMIC_I16_INIT i16
    AtomicU16 ATOMIC_U16_INIT u16
    AtomicI32 ATOMIC_I32_INIT i32
    AtomicU32 ATOMIC_U32_INIT u32
    AtomicI64 ATOMIC_I64_INIT i64
    AtomicU64 ATOMIC_U64_INIT u64
    AtomicIsize ATOMIC_ISIZE_INIT isize
    AtomicUsize ATOMIC_USIZE_INIT usize
}

atomic!(AtomicBool false, bool, u64::from, |bits: u64| bits != 0, []);
fetch!(AtomicBool, bool, [], fetch_and bool, fetch_nand bool, fetch_or bool, fetch_xor bool);

#[allow(missing_docs)]
impl AtomicBool {
    #[inline]
    pub fn fetch_not(&self, order: Ordering) -> bool {
        self.0.fetch_not(order)
    }
}

#[allow(missing_docs, clippy::declare_interior_mutable_const)]
#[deprecated(since = "1.34.0", note = "the `new` function is now preferred")]
pub const ATOMIC_BOOL_INIT: AtomicBool = AtomicBool::new(false);

atomic!(AtomicPtr std::ptr::null_mut(), *mut T, |it: *mut T| it.expose_provenance() as u64,
    |bits: u64| std::ptr::with_exposed_provenance_mut(bits as usize), [T]);
fetch!(AtomicPtr, *mut T, [T], fetch_ptr_add usize, fetch_ptr_sub usize, fetch_byte_add usize,
    fetch_byte_sub usize, fetch_or usize, fetch_and usize, fetch_xor usize);

impl<T> fmt::Pointer for AtomicPtr<T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.load(Relaxed), f)
    }
}
