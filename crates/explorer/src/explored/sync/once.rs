//! `std::sync::Once`.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use super::super::execution::{self, Part};
use super::super::trace::{self, At, Tag};
use crate::report::Obstacle;

/// As [`std::sync::Once`]. One of an earlier execution has not happened in this one.
pub struct Once {
    tag: Tag,
    state: Cell<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Running(usize),
    Poisoned,
    Done,
}

/// As [`std::sync::OnceState`].
pub struct OnceState {
    poisoned: bool,
    /// It is for whoever makes the call.
    alone: PhantomData<Cell<()>>,
}

/// As [`std::sync::ONCE_INIT`].
#[deprecated(since = "1.38.0", note = "the `Once::new()` function is now preferred")]
#[allow(clippy::declare_interior_mutable_const, reason = "std has it so")]
pub const ONCE_INIT: Once = Once::new();

impl OnceState {
    /// As [`std::sync::OnceState::is_poisoned`].
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState").field("poisoned", &self.poisoned).finish()
    }
}

impl Once {
    /// As [`std::sync::Once::new`].
    #[allow(clippy::new_without_default, reason = "std has no Default for it")]
    #[must_use]
    #[track_caller]
    pub const fn new() -> Once {
        Once::of("once")
    }

    /// What another type is built on.
    #[track_caller]
    pub(super) const fn of(kind: &'static str) -> Once {
        Once { tag: Tag::new(kind), state: Cell::new(State::Before) }
    }

    /// One that has happened.
    #[track_caller]
    pub(super) const fn done(kind: &'static str) -> Once {
        Once { tag: Tag::new(kind), state: Cell::new(State::Done) }
    }

    fn number(&self, at: At) -> usize {
        let (number, left) = self.tag.number(at);
        if left {
            self.state.set(State::Before);
        }
        number
    }

    /// As [`std::sync::Once::call_once`].
    #[track_caller]
    pub fn call_once<F: FnOnce()>(&self, f: F) {
        let mut f = Some(f);
        self.call(false, Location::caller(), &mut |_| f.take().into_iter().for_each(|f| f()));
    }

    /// As [`std::sync::Once::call_once_force`].
    #[track_caller]
    pub fn call_once_force<F: FnOnce(&OnceState)>(&self, f: F) {
        let mut f = Some(f);
        let mut call = |state: &OnceState| f.take().into_iter().for_each(|f| f(state));
        self.call(true, Location::caller(), &mut call);
    }

    /// Calls `f` unless it was called; even where a call has panicked, if `force`.
    pub(super) fn call(&self, force: bool, at: At, f: &mut dyn FnMut(&OnceState)) {
        let number = self.number(at);
        execution::point(at);
        loop {
            match self.state.get() {
                State::Done => return,
                State::Poisoned if !force => poisoned(),
                State::Running(_) => self.block(number, at),
                State::Before | State::Poisoned => break,
            }
        }
        let poisoned = self.state.get() == State::Poisoned;
        self.state.set(State::Running(trace::me()));
        trace::act(Some(number), at, || "begins {}".to_owned());
        let state = OnceState { poisoned, alone: PhantomData };
        let end = Ends { once: self, number, then: Cell::new(State::Poisoned) };
        f(&state);
        end.then.set(State::Done);
        drop(end);
        trace::act(Some(number), at, || "has done {}".to_owned());
    }

    fn block(&self, number: usize, at: At) {
        let of = Obstacle::Resource(number);
        if self.state.get() == State::Running(trace::me()) {
            trace::act(Some(number), at, || "waits for {} inside of it".to_owned());
            execution::block_for_ever("waiting for", of, at);
        }
        execution::block((number, Part::Taking), "waiting for", of, at);
    }

    /// As [`std::sync::Once::is_completed`].
    #[track_caller]
    pub fn is_completed(&self) -> bool {
        let at = Location::caller();
        self.number(at);
        execution::point(at);
        self.state.get() == State::Done
    }

    /// Whether it has happened, where nobody else can do it.
    pub(super) fn is_done(&mut self) -> bool {
        if trace::is_running() {
            self.number(Location::caller());
        }
        self.state.get() == State::Done
    }

    /// As before the first call.
    pub(super) fn forget(&mut self) {
        self.state.set(State::Before);
    }

    /// Whether a call has panicked, and none has ended since.
    pub(super) fn is_poisoned(&self) -> bool {
        self.state.get() == State::Poisoned
    }

    /// As [`std::sync::Once::wait`].
    #[track_caller]
    pub fn wait(&self) {
        self.wait_at(false, Location::caller());
    }

    /// As [`std::sync::Once::wait_force`].
    #[track_caller]
    pub fn wait_force(&self) {
        self.wait_at(true, Location::caller());
    }

    fn wait_at(&self, force: bool, at: At) {
        let number = self.number(at);
        execution::point(at);
        while self.state.get() != State::Done {
            if self.state.get() == State::Poisoned && !force {
                poisoned();
            }
            self.block(number, at);
        }
    }
}

fn poisoned() -> ! {
    panic!("Once instance has previously been poisoned");
}

/// Ends a call, also when it panics.
struct Ends<'a> {
    once: &'a Once,
    number: usize,
    then: Cell<State>,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.once.state.set(self.then.get());
        execution::unblock_all((self.number, Part::Taking));
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

// SAFETY: all explored threads are run by one thread of the operating system.
unsafe impl Send for Once {}
// SAFETY: as above.
unsafe impl Sync for Once {}
impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}
