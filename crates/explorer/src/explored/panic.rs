//! `std::panic` where the threads are coroutines: each unwinds for itself.

use std::any::Any;

pub use std::panic::*;

use super::trace;

/// As [`std::panic::catch_unwind`].
pub fn catch_unwind<F: FnOnce() -> R + UnwindSafe, R>(f: F) -> std::thread::Result<R> {
    let result = std::panic::catch_unwind(f);
    if result.is_err() {
        caught();
    }
    result
}

/// As [`std::panic::resume_unwind`].
pub fn resume_unwind(payload: Box<dyn Any + Send>) -> ! {
    // A panic that is resumed does not pass the hook.
    if trace::is_running() {
        trace::with(|world| world.task().unwinding += 1);
    }
    std::panic::resume_unwind(payload)
}

/// One of the panics of the running thread has come to its end.
pub(super) fn caught() {
    if trace::is_running() {
        trace::with(|world| {
            let task = world.task();
            task.unwinding = task.unwinding.saturating_sub(1);
        });
    }
}
