//! What the locks are made of: an atomic word, and the kernel's help. The model test puts loom's
//! in their place (`tests/model.rs`).

pub use std::hint::spin_loop;
pub use std::sync::atomic::{AtomicU32, Ordering};

/// How often a thread looks again before it goes to sleep, which takes far longer than a look.
pub const LOOKS: u32 = 20;

// ANCHOR: futex
/// Sleeps until somebody wakes this word, unless it no longer holds `expected`; the kernel checks
/// that and falls asleep in one step. May return early, futex(2).
pub fn futex_wait(word: &AtomicU32, expected: u32) {
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let for_ever = std::ptr::null::<libc::timespec>();
    // SAFETY: the word is borrowed for the duration of the call; a null timeout is none.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, expected, for_ever) };
}

/// Wakes one thread that sleeps on this word, if there is any.
pub fn futex_wake_one(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the call only takes the address, it reads nothing.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
}
// ANCHOR_END: futex
