//! `std::thread::scope`: threads that borrow, and have ended when the scope is left.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location};
use std::sync::Arc;

use super::super::execution::{self, Part, STACK};
use super::super::trace::{self, At};
use super::{Builder, Joined, Result, Thread, body, start};
use crate::report::Obstacle;

/// As [`std::thread::Scope`].
pub struct Scope<'scope, 'env: 'scope> {
    threads: Arc<Threads>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// What is known of the threads of a scope.
pub(super) struct Threads {
    running: Cell<usize>,
    panicked: Cell<bool>,
    opener: usize,
}

// SAFETY: all explored threads are run by one thread of the operating system.
unsafe impl Send for Threads {}
// SAFETY: as above.
unsafe impl Sync for Threads {}

// Only the counts of threads change behind a shared scope.
impl std::panic::RefUnwindSafe for Scope<'_, '_> {}

/// As [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T>(Joined<T>, PhantomData<&'scope ()>);

/// As [`std::thread::scope`].
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let at = Location::caller();
    let threads =
        Threads { running: Cell::new(0), panicked: Cell::new(false), opener: trace::me() };
    let scope = Scope { threads: Arc::new(threads), scope: PhantomData, env: PhantomData };
    // Whoever waits here on the way out of a panic still counts as unwinding.
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| f(&scope)));
    scope.threads.wait(at);
    match result {
        Err(payload) => std::panic::resume_unwind(payload),
        Ok(_) if scope.threads.panicked.get() => panic!("a scoped thread panicked"),
        Ok(value) => value,
    }
}

impl Threads {
    /// Waits for the threads of this scope, and of no other.
    fn wait(&self, at: At) {
        let key = (std::ptr::from_ref(self).addr(), Part::End);
        while self.running.get() > 0 {
            execution::block(key, "waiting for the threads of a scope", Obstacle::Unnamed, at);
        }
    }

    fn one_has_ended(&self) {
        self.running.set(self.running.get() - 1);
        if self.running.get() == 0 {
            execution::unblock_all((std::ptr::from_ref(self).addr(), Part::End));
        }
    }

    pub(super) fn a_thread_panicked(&self) {
        self.panicked.set(true);
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// As [`std::thread::Scope::spawn`].
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let started = self.start(Builder::new(), f, Location::caller());
        started.expect("failed to spawn thread")
    }

    pub(super) fn start<F, T>(
        &'scope self,
        builder: Builder,
        f: F,
        at: At,
    ) -> std::io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let threads = self.threads.clone();
        let (body, packet) = body(f, Some(threads.clone()));
        let body = Box::new(move || {
            body();
            threads.one_has_ended();
        });
        let stack = builder.stack_size.unwrap_or(STACK);
        self.threads.running.set(self.threads.running.get() + 1);
        let started = start(builder.name, stack, body, at);
        if started.is_err() {
            self.threads.running.set(self.threads.running.get() - 1);
        }
        Ok(ScopedJoinHandle(Joined { thread: started?, packet }, PhantomData))
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Scope");
        all.field("num_running_threads", &self.threads.running.get());
        all.field("a_thread_panicked", &self.threads.panicked.get());
        all.field("main_thread", &self.threads.opener).finish_non_exhaustive()
    }
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    /// As [`std::thread::ScopedJoinHandle::join`].
    #[track_caller]
    pub fn join(self) -> Result<T> {
        self.0.join(Location::caller())
    }

    /// As [`std::thread::ScopedJoinHandle::thread`].
    pub fn thread(&self) -> &Thread {
        &self.0.thread
    }

    /// As [`std::thread::ScopedJoinHandle::is_finished`].
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        execution::point(Location::caller());
        self.0.is_finished()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}
