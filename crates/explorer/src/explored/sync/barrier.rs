//! `std::sync::Barrier`.

use std::cell::Cell;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use super::super::execution::{self, Part};
use super::super::trace::{self, Tag};
use crate::report::Obstacle;

/// As [`std::sync::Barrier`].
pub struct Barrier {
    tag: Tag,
    threads: usize,
    arrived: Cell<usize>,
    round: Cell<u64>,
}

/// As [`std::sync::BarrierWaitResult`].
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// As [`std::sync::BarrierWaitResult::is_leader`].
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.0).finish()
    }
}

impl Barrier {
    /// As [`std::sync::Barrier::new`].
    #[must_use]
    #[track_caller]
    pub const fn new(n: usize) -> Barrier {
        let tag = Tag::new("barrier");
        Barrier { tag, threads: n, arrived: Cell::new(0), round: Cell::new(0) }
    }

    /// As [`std::sync::Barrier::wait`].
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let at = Location::caller();
        trace::with(|world| world.barriers += 1);
        let (number, left) = self.tag.number(at);
        if left {
            self.arrived.set(0);
        }
        trace::meet(number, self.threads);
        execution::point(at);
        trace::act(Some(number), at, || "arrives at {}".to_owned());
        let round = self.round.get();
        self.arrived.set(self.arrived.get() + 1);
        let leads = self.arrived.get() >= self.threads;
        if leads {
            self.arrived.set(0);
            self.round.set(round.wrapping_add(1));
            execution::unblock_all((number, Part::Taking));
        }
        while self.round.get() == round {
            let (key, of) = ((number, Part::Taking), Obstacle::Resource(number));
            execution::block(key, "waiting at", of, at);
        }
        trace::act(Some(number), at, || "leaves {}".to_owned());
        BarrierWaitResult(leads)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

// SAFETY: all explored threads are run by one thread of the operating system.
unsafe impl Send for Barrier {}
// SAFETY: as above.
unsafe impl Sync for Barrier {}
impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}
