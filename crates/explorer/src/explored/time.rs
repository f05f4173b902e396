//! `std::time` under a scheduler: the clock stands still while threads run, and goes on to the end of
//! a sleep, or of a wait with a limit, when the scheduler lets that end. What ends within a minute may
//! do so at any time, since threads may be held up for so long; what ends later does so only when
//! nobody can run, and what ends after the last instant that there is, never.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};

pub use std::time::{Duration, SystemTime, SystemTimeError, TryFromFloatSecsError, UNIX_EPOCH};

/// As [`std::time::Instant`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

/// What the clock shows when a check begins: there are instants before.
const BEGINNING: Duration = Duration::from_secs(1 << 32);

/// The last second that there is: Linux counts them in an `i64`.
const LAST: u64 = i64::MAX as u64;

/// What the clock shows, for the program, when so much more time has passed; `None` if there is no
/// such instant.
pub(super) fn passed_at(clock: Duration, more: Duration) -> Option<Duration> {
    Instant::after(clock).checked_add(more).map(|end| end.0 - BEGINNING)
}

impl Instant {
    pub(super) fn after(passed: Duration) -> Instant {
        Instant(BEGINNING.saturating_add(passed))
    }

    /// As [`std::time::Instant::now`].
    pub fn now() -> Instant {
        super::thread::now()
    }

    /// As [`std::time::Instant::duration_since`].
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// As [`std::time::Instant::checked_duration_since`].
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }

    /// As [`std::time::Instant::saturating_duration_since`].
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// As [`std::time::Instant::elapsed`].
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// As [`std::time::Instant::checked_add`].
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).filter(|end| end.as_secs() <= LAST).map(Instant)
    }

    /// As [`std::time::Instant::checked_sub`].
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn add(self, duration: Duration) -> Instant {
        self.checked_add(duration).expect("overflow when adding duration to instant")
    }
}

impl AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn sub(self, duration: Duration) -> Instant {
        self.checked_sub(duration).expect("overflow when subtracting duration from instant")
    }
}

impl SubAssign<Duration> for Instant {
    #[track_caller]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, other: Instant) -> Duration {
        self.duration_since(other)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instant").field("since_some_time", &self.0).finish()
    }
}
