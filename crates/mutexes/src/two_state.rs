//! Step two: sleep while it is locked. But who unlocks can't know whether somebody sleeps.

use crate::sync::{AtomicU32, Ordering::*, futex_wait, futex_wake_one};

/// A lock whose waiters sleep; every unlock calls the kernel.
///
/// ```text
///            lock: swap(1) gave 0
///       ┌──────────────────────────▶┐
///   0 free                      1 locked ⟲ lock: swap(1) gave 1, sleep while it is 1
///       └◀──────────────────────────┘
///            unlock: store(0), wake one, always
/// ```
#[derive(Debug, Default)]
pub struct TwoState {
    state: AtomicU32,
}

// ANCHOR: lock
const FREE: u32 = 0;
const LOCKED: u32 = 1;

// SAFETY: only a swap that found FREE returns, and until the next store every swap finds LOCKED.
unsafe impl crate::Lock for TwoState {
    #[inline]
    fn lock(&self) {
        while self.state.swap(LOCKED, Acquire) == LOCKED {
            futex_wait(&self.state, LOCKED);
        }
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.state.store(FREE, Release);
        futex_wake_one(&self.state);
    }
}
// ANCHOR_END: lock
