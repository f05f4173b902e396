//! The watchdog of tests that wait: against what never happens, and for no statement about speed. It
//! is so generous that a loaded machine sets nobody off; what is to be fast is measured elsewhere.

use std::time::{Duration, Instant};

/// How long a test waits for what must happen, however loaded the machine is.
pub const LIMIT: Duration = Duration::from_secs(240);

/// Waits until it is so.
///
/// # Panics
///
/// If it never is, as far as [`LIMIT`] can tell.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
