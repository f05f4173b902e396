//! Whether a thread has panicked while it held a lock.

use std::cell::Cell;
use std::sync::{LockResult, PoisonError};

use super::super::trace;

pub(super) struct Poison(Cell<bool>);

impl Poison {
    pub(super) const fn new() -> Poison {
        Poison(Cell::new(false))
    }

    /// A thread gives the lock back that took it when it was not unwinding, or when it was.
    pub(super) fn given_back(&self, was_unwinding: bool) {
        if !was_unwinding && trace::unwinding() {
            self.0.set(true);
        }
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.get()
    }

    pub(super) fn clear(&self) {
        self.0.set(false);
    }

    pub(super) fn result<T>(&self, value: T) -> LockResult<T> {
        if self.0.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}
