//! `std::thread` for explored threads.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

pub use std::thread::{AccessError, Result, available_parallelism};

use super::execution;
pub use super::local::LocalKey;

/// Where a thread puts its result. Which of the two that have it frees it, the explorer says, so that
/// no atomic is needed that would be explored as well.
struct Packet<T>(*mut Option<Result<T>>);

impl<T> Packet<T> {
    fn new() -> Packet<T> {
        Packet(Box::into_raw(Box::new(None)))
    }

    /// # Safety
    /// The thread has not ended, or the caller has waited for its end; the other side is gone.
    unsafe fn take(self) -> Option<Result<T>> {
        // SAFETY: it came from a box, and the caller promises that nobody else has it.
        *unsafe { Box::from_raw(self.0) }
    }
}

/// As [`std::thread::Thread`].
#[derive(Clone)]
pub struct Thread {
    number: usize,
    name: Option<&'static str>,
}

/// As [`std::thread::ThreadId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(usize);

impl Thread {
    fn of(number: usize) -> Thread {
        Thread { number, name: execution::name_of(number).or((number == 0).then_some("main")) }
    }

    /// As [`std::thread::Thread::unpark`].
    pub fn unpark(&self) {
        execution::unpark(self.number);
    }

    /// As [`std::thread::Thread::id`].
    pub fn id(&self) -> ThreadId {
        ThreadId(self.number)
    }

    /// As [`std::thread::Thread::name`].
    pub fn name(&self) -> Option<&str> {
        self.name
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, name) = (self.id(), self.name());
        f.debug_struct("Thread").field("id", &id).field("name", &name).finish_non_exhaustive()
    }
}

/// A thread that somebody may wait for.
struct Native<T> {
    thread: Thread,
    packet: Packet<T>,
}

impl<T> Native<T> {
    #[track_caller]
    fn join(self) -> Result<T> {
        execution::join(self.thread.number);
        let packet = Packet(self.packet.0);
        std::mem::forget(self);
        // SAFETY: the thread has ended, and the handle is forgotten.
        let result = unsafe { packet.take() };
        result.expect("a thread that has ended has left its result")
    }
}

impl<T> Drop for Native<T> {
    fn drop(&mut self) {
        if execution::detach(self.thread.number) {
            // SAFETY: the thread has put its result there and will not come back to it.
            drop(unsafe { Packet(self.packet.0).take() });
        }
    }
}

/// As [`std::thread::JoinHandle`].
pub struct JoinHandle<T>(Native<T>);

impl<T> JoinHandle<T> {
    /// As [`std::thread::JoinHandle::join`].
    #[track_caller]
    pub fn join(self) -> Result<T> {
        self.0.join()
    }

    /// As [`std::thread::JoinHandle::thread`].
    pub fn thread(&self) -> &Thread {
        &self.0.thread
    }

    /// As [`std::thread::JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        execution::has_ended(self.0.thread.number)
    }
}

// SAFETY: as for std's: only the result is inside.
unsafe impl<T> Send for JoinHandle<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

/// As [`std::thread::Builder`].
#[derive(Debug, Default)]
#[must_use = "must eventually spawn the thread"]
pub struct Builder {
    name: Option<String>,
}

impl Builder {
    /// As [`std::thread::Builder::new`].
    pub fn new() -> Builder {
        Builder::default()
    }

    /// As [`std::thread::Builder::name`].
    pub fn name(self, name: String) -> Builder {
        Builder { name: Some(name) }
    }

    /// As [`std::thread::Builder::stack_size`], but the stack is as large as std makes it without.
    pub fn stack_size(self, _size: usize) -> Builder {
        self
    }

    /// As [`std::thread::Builder::spawn`].
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Ok(JoinHandle(start(self.name, f)))
    }

    /// As [`std::thread::Builder::spawn_scoped`].
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let thread = start(self.name, f);
        execution::belongs(thread.thread.number, scope.address());
        Ok(ScopedJoinHandle(thread, PhantomData))
    }
}

/// Starts a thread, which must be joined while what it borrows is there.
fn start<'a, F, T>(name: Option<String>, f: F) -> Native<T>
where
    F: FnOnce() -> T + 'a,
    T: 'a,
{
    let packet = Packet::new();
    let theirs = packet.0;
    let body = move || {
        let result = catch_unwind(AssertUnwindSafe(f));
        let panicked = result.is_err();
        // SAFETY: nobody else looks at it before the thread has ended.
        unsafe { *theirs = Some(result) };
        if execution::leaves(panicked) {
            // SAFETY: the handle is gone.
            drop(unsafe { Packet(theirs).take() });
        }
    };
    let body: Box<dyn FnOnce() + 'a> = Box::new(body);
    // SAFETY: only the lifetime is changed. What a thread of a scope borrows stays until `scope` has
    // joined it; any other thread borrows nothing.
    let body =
        unsafe { std::mem::transmute::<Box<dyn FnOnce() + 'a>, Box<dyn FnOnce() + 'static>>(body) };
    let thread = Thread::of(execution::spawn(name, body));
    Native { thread, packet }
}

/// As [`std::thread::spawn`].
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(f).expect("an explored thread can always be made")
}

/// As [`std::thread::Scope`]. The explorer knows its threads by its address.
pub struct Scope<'scope, 'env: 'scope> {
    /// Never read, so that the scope has an address of its own.
    _place: u8,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, 'env> Scope<'scope, 'env> {
    fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// As [`std::thread::Scope::spawn`].
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Builder::new().spawn_scoped(self, f).expect("an explored thread can always be made")
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// As [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T>(Native<T>, PhantomData<&'scope ()>);

// SAFETY: as for std's: only the result is inside.
unsafe impl<T> Send for ScopedJoinHandle<'_, T> {}
// SAFETY: as above.
unsafe impl<T> Sync for ScopedJoinHandle<'_, T> {}

impl<T> ScopedJoinHandle<'_, T> {
    /// As [`std::thread::ScopedJoinHandle::join`].
    #[track_caller]
    pub fn join(self) -> Result<T> {
        self.0.join()
    }

    /// As [`std::thread::ScopedJoinHandle::thread`].
    pub fn thread(&self) -> &Thread {
        &self.0.thread
    }

    /// As [`std::thread::ScopedJoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        execution::has_ended(self.0.thread.number)
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}

/// As [`std::thread::scope`].
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope { _place: 0, scope: PhantomData, env: PhantomData };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    let panicked = execution::join_all(scope.address());
    match result {
        Err(payload) => resume_unwind(payload),
        Ok(_) if panicked => panic!("a scoped thread panicked"),
        Ok(value) => value,
    }
}

/// As [`std::thread::current`].
pub fn current() -> Thread {
    Thread::of(execution::me().unwrap_or(0))
}

/// As [`std::thread::panicking`]. It is not instrumented with its caller: what it looks at is `std`'s own.
#[inline(never)]
pub fn panicking() -> bool {
    std::thread::panicking()
}

/// As [`std::thread::park`], but it never wakes for no reason.
#[track_caller]
pub fn park() {
    execution::park();
}

/// As [`std::thread::park_timeout`]: time is not modelled, so it may end at once.
#[track_caller]
pub fn park_timeout(_limit: Duration) {
    execution::spin("parks");
}

/// As [`std::thread::yield_now`]: the thread goes on when something has changed that it looked at.
#[track_caller]
pub fn yield_now() {
    execution::spin("gives way");
}

/// As [`std::thread::sleep`]: time is not modelled, so it is [`yield_now`].
#[track_caller]
pub fn sleep(_time: Duration) {
    execution::spin("sleeps");
}
