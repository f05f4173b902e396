//! Step three: the word also says whether somebody may be asleep, so that only then the kernel is
//! called.

use crate::sync::{AtomicU32, LOOKS, Ordering::*, futex_wait, futex_wake_one, spin_loop};

/// A lock that calls the kernel only to sleep and to wake a sleeper.
///
/// ```text
///                     lock: 0 → 1
///          ┌───────────────────────────────▶┐
///          │◀───────────────────────────────┤
///          │          unlock: 1 → 0         │
///       0 free                          1 locked
///         ▲ │                               │
///         │ │ waiter: 0 → 2, it is inside   │ waiter: 1 → 2, before it sleeps
///         │ ▼                               │
///     2 locked, and perhaps somebody sleeps ◀┘ ⟲ waiter: 2 → 2, sleeps while it is 2
///         │
///         └─ unlock: 2 → 0, then wakes one
/// ```
///
/// A waiter can't know whether others sleep as well. So whoever has waited takes the lock by
/// 0 → 2: that costs at most one wake-up for nobody, while 0 → 1 would forget a sleeper for ever.
///
/// After Drepper's "mutex3" (Futexes Are Tricky, section 6).
#[derive(Debug, Default)]
pub struct ThreeState {
    state: AtomicU32,
}

// ANCHOR: lock
const FREE: u32 = 0;
const LOCKED: u32 = 1;
/// Locked, and perhaps somebody sleeps.
const AWAITED: u32 = 2;

// SAFETY: `lock` returns only after a change from FREE to another state, and nothing but `unlock`
// changes the word to FREE.
unsafe impl crate::Lock for ThreeState {
    #[inline]
    fn lock(&self) {
        if self.state.compare_exchange(FREE, LOCKED, Acquire, Relaxed).is_err() {
            self.wait();
        }
    }

    #[inline]
    unsafe fn unlock(&self) {
        if self.state.swap(FREE, Release) == AWAITED {
            self.wake();
        }
    }
}
// ANCHOR_END: lock

// ANCHOR: wait
impl ThreeState {
    #[cold]
    fn wait(&self) {
        if self.look_again() == FREE
            && self.state.compare_exchange(FREE, LOCKED, Acquire, Relaxed).is_ok()
        {
            return;
        }
        while self.state.swap(AWAITED, Acquire) != FREE {
            futex_wait(&self.state, AWAITED);
            self.look_again();
        }
    }
    // ANCHOR_END: wait

    /// Spins while the lock is held and nobody sleeps: its owner may be about to unlock. A look
    /// takes the cache line away from the owner, who needs it for that, so after a few looks they
    /// become seldom.
    fn look_again(&self) -> u32 {
        let mut state = self.state.load(Relaxed);
        for look in 0..LOOKS {
            if state != LOCKED {
                break;
            }
            for _ in 0..if look < 3 { 1 } else { 6 } {
                spin_loop();
            }
            state = self.state.load(Relaxed);
        }
        state
    }

    #[cold]
    fn wake(&self) {
        futex_wake_one(&self.state);
    }
}
