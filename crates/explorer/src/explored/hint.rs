//! `std::hint` under a scheduler.

pub use std::hint::*;

/// As [`std::hint::spin_loop`]: a step of a spinning thread.
#[track_caller]
pub fn spin_loop() {
    super::thread::yield_now();
}
