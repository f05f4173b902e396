//! Step one: wait by looking again. No kernel, and no rest for the CPU.

use crate::sync::{AtomicU32, Ordering::*, spin_loop};

/// A lock whose waiters spin.
///
/// ```text
///            lock: swap(1) gave 0
///       ┌──────────────────────────▶┐
///   0 free                      1 locked ⟲ lock: swap(1) gave 1, look again
///       └◀──────────────────────────┘
///            unlock: store(0)
/// ```
#[derive(Debug, Default)]
pub struct Spin {
    state: AtomicU32,
}

// ANCHOR: lock
const FREE: u32 = 0;
const LOCKED: u32 = 1;

// SAFETY: only a swap that found FREE returns, and until the next store every swap finds LOCKED.
unsafe impl crate::Lock for Spin {
    #[inline]
    fn lock(&self) {
        while self.state.swap(LOCKED, Acquire) == LOCKED {
            // Loads let the waiters share the cache line; swaps would pull it to and fro.
            while self.state.load(Relaxed) == LOCKED {
                spin_loop();
            }
        }
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.state.store(FREE, Release);
    }
}
// ANCHOR_END: lock
