//! `std::sync::Condvar`. Waits end for no reason now and then, as the standard allows.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

use super::super::execution::{self, Part};
use super::super::trace::{self, At, Tag};
use super::mutex::{Lock, MutexGuard, relock};
use crate::report::Obstacle;

/// As [`std::sync::Condvar`].
pub struct Condvar(Tag);

/// As [`std::sync::WaitTimeoutResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// As [`std::sync::WaitTimeoutResult::timed_out`].
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// How a wait has ended.
enum Woken {
    Notified,
    ForNoReason,
    Late,
}

impl Condvar {
    /// As [`std::sync::Condvar::new`].
    #[must_use]
    #[track_caller]
    pub const fn new() -> Condvar {
        Condvar(Tag::new("condition variable"))
    }

    /// Its number in the last execution.
    pub(in super::super) fn resource(&self) -> Option<usize> {
        self.0.known()
    }

    /// Gives the lock back and waits in one step.
    fn sleep(&self, lock: &Lock, limit: Option<Duration>, at: At) -> Woken {
        let (number, _) = self.0.number(at);
        let mutex = lock.number(at);
        trace::about_to(number, at, "waits on {}");
        execution::point(at);
        let for_no_reason = trace::with(|world| world.may_be_spurious()) && execution::chance(32);
        lock.release(mutex);
        let (key, of) = ((number, Part::Taking), Obstacle::Resource(number));
        let woken = match limit {
            _ if for_no_reason => {
                execution::point(at);
                Woken::ForNoReason
            }
            None => {
                execution::block(key, "waiting on", of, at);
                Woken::Notified
            }
            Some(limit) => match execution::block_for(limit, key, "waiting on", of, at) {
                true => Woken::Notified,
                false => Woken::Late,
            },
        };
        let why = match woken {
            Woken::Notified => "",
            Woken::ForNoReason => " (nobody woke it)",
            Woken::Late => " (the time is up)",
        };
        trace::act(Some(number), at, || format!("wakes up on {{}}{why}"));
        woken
    }

    fn wait_at<'a, T>(&self, guard: MutexGuard<'a, T>, at: At) -> LockResult<MutexGuard<'a, T>> {
        let mutex = guard.take_apart();
        self.sleep(&mutex.lock, None, at);
        relock(mutex, at)
    }

    /// As [`std::sync::Condvar::wait`].
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_at(guard, Location::caller())
    }

    /// As [`std::sync::Condvar::wait_while`].
    #[track_caller]
    pub fn wait_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        let at = Location::caller();
        while condition(&mut *guard) {
            guard = self.wait_at(guard, at)?;
        }
        Ok(guard)
    }

    fn wait_timeout_at<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
        at: At,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let mutex = guard.take_apart();
        let woken = self.sleep(&mutex.lock, Some(limit), at);
        let over = WaitTimeoutResult(matches!(woken, Woken::Late));
        match relock(mutex, at) {
            Ok(guard) => Ok((guard, over)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), over))),
        }
    }

    /// As [`std::sync::Condvar::wait_timeout`].
    #[track_caller]
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        self.wait_timeout_at(guard, limit, Location::caller())
    }

    /// As [`std::sync::Condvar::wait_timeout_ms`].
    #[track_caller]
    pub fn wait_timeout_ms<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        milliseconds: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let limit = Duration::from_millis(milliseconds.into());
        match self.wait_timeout_at(guard, limit, Location::caller()) {
            Ok((guard, over)) => Ok((guard, !over.timed_out())),
            Err(poisoned) => {
                let (guard, over) = poisoned.into_inner();
                Err(PoisonError::new((guard, !over.timed_out())))
            }
        }
    }

    /// As [`std::sync::Condvar::wait_timeout_while`].
    #[track_caller]
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        limit: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let at = Location::caller();
        let begin = trace::with(|world| world.clock);
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let passed = trace::with(|world| world.clock).saturating_sub(begin);
            let Some(left) = limit.checked_sub(passed).filter(|left| !left.is_zero()) else {
                return Ok((guard, WaitTimeoutResult(true)));
            };
            guard = self.wait_timeout_at(guard, left, at)?.0;
        }
    }

    /// As [`std::sync::Condvar::notify_one`].
    #[track_caller]
    pub fn notify_one(&self) {
        let at = Location::caller();
        let (number, _) = self.0.number(at);
        execution::point(at);
        execution::unblock_one((number, Part::Taking));
        trace::act(Some(number), at, || "wakes one on {}".to_owned());
    }

    /// As [`std::sync::Condvar::notify_all`].
    #[track_caller]
    pub fn notify_all(&self) {
        let at = Location::caller();
        let (number, _) = self.0.number(at);
        execution::point(at);
        execution::unblock_all((number, Part::Taking));
        trace::act(Some(number), at, || "wakes all on {}".to_owned());
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

// SAFETY: all explored threads are run by one thread of the operating system.
unsafe impl Send for Condvar {}
// SAFETY: as above.
unsafe impl Sync for Condvar {}
impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}
