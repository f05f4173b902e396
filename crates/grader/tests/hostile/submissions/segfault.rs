//! Touches memory that it does not have.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [crash]
//! shows: SIGSEGV
//! shows: at reap.rs:

fn attack() {
    unsafe { std::ptr::null_mut::<u8>().write_volatile(1) };
}
