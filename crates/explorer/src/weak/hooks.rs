//! What instrumented code calls. The compiler's own pass for ThreadSanitizer puts these calls where
//! the code accesses memory; here they lead to the explorer, and outside of executions do what was
//! asked for. Submission and checks are compiled with
//!
//! ```text
//! -Cllvm-args=-force-attribute=sanitize_thread
//! -Cllvm-args=-tsan-instrument-func-entry-exit=0
//! -Cpasses=forceattrs,function(tsan)
//! ```
//!
//! So `Arc`, `UnsafeCell`, `Box` and pointers are the true ones, and a race is seen wherever the
//! memory is. The names and types are those of LLVM's `tsan_interface.h` and
//! `tsan_interface_atomic.h`.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{self, Ordering::SeqCst};

use super::execution::{self, Operation};
use super::memory::Order;
use super::shadow::AccessKind;

macro_rules! plain {
    ($kind:expr, $($name:ident $size:expr),*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C-unwind" fn $name(address: usize) {
                execution::plain(address, $size, $kind);
            }
        )*
    };
}

plain!(AccessKind::Read,
    __tsan_read1 1, __tsan_read2 2, __tsan_read4 4, __tsan_read8 8, __tsan_read16 16,
    __tsan_unaligned_read2 2, __tsan_unaligned_read4 4, __tsan_unaligned_read8 8,
    __tsan_unaligned_read16 16, __tsan_unaligned_read1 1,
    __tsan_volatile_read1 1, __tsan_volatile_read2 2, __tsan_volatile_read4 4,
    __tsan_volatile_read8 8, __tsan_volatile_read16 16,
    __tsan_unaligned_volatile_read1 1, __tsan_unaligned_volatile_read2 2,
    __tsan_unaligned_volatile_read4 4, __tsan_unaligned_volatile_read8 8,
    __tsan_unaligned_volatile_read16 16, __tsan_vptr_read 8);
plain!(AccessKind::Write,
    __tsan_write1 1, __tsan_write2 2, __tsan_write4 4, __tsan_write8 8, __tsan_write16 16,
    __tsan_unaligned_write1 1, __tsan_unaligned_write2 2, __tsan_unaligned_write4 4,
    __tsan_unaligned_write8 8, __tsan_unaligned_write16 16,
    __tsan_volatile_write1 1, __tsan_volatile_write2 2, __tsan_volatile_write4 4,
    __tsan_volatile_write8 8, __tsan_volatile_write16 16,
    __tsan_unaligned_volatile_write1 1, __tsan_unaligned_volatile_write2 2,
    __tsan_unaligned_volatile_write4 4, __tsan_unaligned_volatile_write8 8,
    __tsan_unaligned_volatile_write16 16,
    __tsan_read_write1 1, __tsan_read_write2 2, __tsan_read_write4 4, __tsan_read_write8 8,
    __tsan_read_write16 16,
    __tsan_unaligned_read_write1 1, __tsan_unaligned_read_write2 2,
    __tsan_unaligned_read_write4 4, __tsan_unaligned_read_write8 8,
    __tsan_unaligned_read_write16 16);

#[unsafe(no_mangle)]
extern "C-unwind" fn __tsan_vptr_update(address: usize, _value: usize) {
    execution::plain(address, size_of::<usize>(), AccessKind::Write);
}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __tsan_memcpy(
    to: *mut c_void,
    from: *const c_void,
    length: usize,
) -> *mut c_void {
    // SAFETY: the caller promises more: that the two do not overlap.
    unsafe { __tsan_memmove(to, from, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __tsan_memmove(
    to: *mut c_void,
    from: *const c_void,
    length: usize,
) -> *mut c_void {
    if length > 0 {
        execution::plain(from as usize, length, AccessKind::Read);
        execution::plain(to as usize, length, AccessKind::Write);
    }
    // SAFETY: the caller promises that so many bytes can be read and written.
    unsafe { ptr::copy(from.cast::<u8>(), to.cast::<u8>(), length) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __tsan_memset(
    to: *mut c_void,
    value: i32,
    length: usize,
) -> *mut c_void {
    if length > 0 {
        execution::plain(to as usize, length, AccessKind::Write);
    }
    // SAFETY: the caller promises that so many bytes can be written.
    unsafe { ptr::write_bytes(to.cast::<u8>(), value as u8, length) };
    to
}

#[unsafe(no_mangle)]
extern "C-unwind" fn __tsan_atomic_thread_fence(order: i32) {
    if execution::fence(Order::from_number(order)).is_none() {
        atomic::fence(SeqCst);
    }
}

#[unsafe(no_mangle)]
extern "C-unwind" fn __tsan_atomic_signal_fence(_order: i32) {}

macro_rules! update {
    ($type:ident, $atomic:ident, $($name:ident $word:literal $native:ident $change:expr),*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C-unwind" fn $name(at: *mut $type, with: $type, order: i32) -> $type {
                let change: fn($type, $type) -> $type = $change;
                let change = |old: u64| Some(u64::from(change(old as $type, with)));
                let order = Order::from_number(order);
                let operation = Operation::Update(&change, order);
                match execution::atomic($word, at as usize, size_of::<$type>(), operation, order) {
                    Some(old) => old as $type,
                    // SAFETY: the caller asks for an atomic operation, so it may be made there.
                    None => unsafe { atomic::$atomic::from_ptr(at) }.$native(with, SeqCst),
                }
            }
        )*
    };
}

macro_rules! atomics {
    ($type:ident $atomic:ident $load:ident $store:ident $compare:ident $($updates:tt)*) => {
        #[unsafe(no_mangle)]
        unsafe extern "C-unwind" fn $load(at: *mut $type, order: i32) -> $type {
            let order = Order::from_number(order);
            let size = size_of::<$type>();
            match execution::atomic("load", at as usize, size, Operation::Load, order) {
                Some(value) => value as $type,
                // SAFETY: the caller asks for an atomic operation, so it may be made there.
                None => unsafe { atomic::$atomic::from_ptr(at) }.load(SeqCst),
            }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C-unwind" fn $store(at: *mut $type, value: $type, order: i32) {
            let order = Order::from_number(order);
            let operation = Operation::Store(u64::from(value));
            let size = size_of::<$type>();
            if execution::atomic("store", at as usize, size, operation, order).is_none() {
                // SAFETY: the caller asks for an atomic operation, so it may be made there.
                unsafe { atomic::$atomic::from_ptr(at) }.store(value, SeqCst);
            }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C-unwind" fn $compare(
            at: *mut $type,
            expected: $type,
            new: $type,
            order: i32,
            otherwise: i32,
        ) -> $type {
            let change = |old: u64| (old as $type == expected).then_some(u64::from(new));
            let operation = Operation::Update(&change, Order::from_number(otherwise));
            let order = Order::from_number(order);
            let size = size_of::<$type>();
            match execution::atomic("compare_exchange", at as usize, size, operation, order) {
                Some(old) => old as $type,
                // SAFETY: the caller asks for an atomic operation, so it may be made there.
                None => unsafe { atomic::$atomic::from_ptr(at) }
                    .compare_exchange(expected, new, SeqCst, SeqCst)
                    .unwrap_or_else(|old| old),
            }
        }

        update!($type, $atomic, $($updates)*);
    };
}

atomics!(u8 AtomicU8 __tsan_atomic8_load __tsan_atomic8_store
    __tsan_atomic8_compare_exchange_val
    __tsan_atomic8_exchange "swap" swap |_, new| new,
    __tsan_atomic8_fetch_add "fetch_add" fetch_add u8::wrapping_add,
    __tsan_atomic8_fetch_sub "fetch_sub" fetch_sub u8::wrapping_sub,
    __tsan_atomic8_fetch_and "fetch_and" fetch_and |old, with| old & with,
    __tsan_atomic8_fetch_or "fetch_or" fetch_or |old, with| old | with,
    __tsan_atomic8_fetch_xor "fetch_xor" fetch_xor |old, with| old ^ with,
    __tsan_atomic8_fetch_nand "fetch_nand" fetch_nand |old, with| !(old & with));
atomics!(u16 AtomicU16 __tsan_atomic16_load __tsan_atomic16_store
    __tsan_atomic16_compare_exchange_val
    __tsan_atomic16_exchange "swap" swap |_, new| new,
    __tsan_atomic16_fetch_add "fetch_add" fetch_add u16::wrapping_add,
    __tsan_atomic16_fetch_sub "fetch_sub" fetch_sub u16::wrapping_sub,
    __tsan_atomic16_fetch_and "fetch_and" fetch_and |old, with| old & with,
    __tsan_atomic16_fetch_or "fetch_or" fetch_or |old, with| old | with,
    __tsan_atomic16_fetch_xor "fetch_xor" fetch_xor |old, with| old ^ with,
    __tsan_atomic16_fetch_nand "fetch_nand" fetch_nand |old, with| !(old & with));
atomics!(u32 AtomicU32 __tsan_atomic32_load __tsan_atomic32_store
    __tsan_atomic32_compare_exchange_val
    __tsan_atomic32_exchange "swap" swap |_, new| new,
    __tsan_atomic32_fetch_add "fetch_add" fetch_add u32::wrapping_add,
    __tsan_atomic32_fetch_sub "fetch_sub" fetch_sub u32::wrapping_sub,
    __tsan_atomic32_fetch_and "fetch_and" fetch_and |old, with| old & with,
    __tsan_atomic32_fetch_or "fetch_or" fetch_or |old, with| old | with,
    __tsan_atomic32_fetch_xor "fetch_xor" fetch_xor |old, with| old ^ with,
    __tsan_atomic32_fetch_nand "fetch_nand" fetch_nand |old, with| !(old & with));
atomics!(u64 AtomicU64 __tsan_atomic64_load __tsan_atomic64_store
    __tsan_atomic64_compare_exchange_val
    __tsan_atomic64_exchange "swap" swap |_, new| new,
    __tsan_atomic64_fetch_add "fetch_add" fetch_add u64::wrapping_add,
    __tsan_atomic64_fetch_sub "fetch_sub" fetch_sub u64::wrapping_sub,
    __tsan_atomic64_fetch_and "fetch_and" fetch_and |old, with| old & with,
    __tsan_atomic64_fetch_or "fetch_or" fetch_or |old, with| old | with,
    __tsan_atomic64_fetch_xor "fetch_xor" fetch_xor |old, with| old ^ with,
    __tsan_atomic64_fetch_nand "fetch_nand" fetch_nand |old, with| !(old & with));
