//! `std::thread` under a scheduler. A panic ends its thread and is handed to whoever joins it.

use std::any::Any;
use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, Location};
use std::sync::Arc;
use std::time::Duration;

pub use std::thread::Result;

pub use builder::Builder;
pub use local::{AccessError, LocalKey};
pub use scope::{Scope, ScopedJoinHandle, scope};

use super::execution::{self, Body, End, Part};
use super::trace::{self, At};
use super::{panic, time::Instant};
use crate::report::Obstacle;

mod builder;
mod local;
mod scope;

/// As [`std::thread::ThreadId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(NonZero<u64>);

/// As [`std::thread::Thread`].
#[derive(Clone)]
pub struct Thread {
    number: usize,
    name: Option<Arc<str>>,
}

/// As [`std::thread::JoinHandle`].
pub struct JoinHandle<T>(Joined<T>);

// SAFETY: as in std: who has the handle can only wait for the end, or take the result for itself.
unsafe impl<T> Send for JoinHandle<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for JoinHandle<T> {}

/// A thread, and where it puts its result.
struct Joined<T> {
    thread: Thread,
    packet: Arc<Packet<T>>,
}

/// Where a thread puts its result.
struct Packet<T> {
    result: std::cell::Cell<Option<Result<T>>>,
    scope: Option<Arc<scope::Threads>>,
}

impl<T> Drop for Packet<T> {
    fn drop(&mut self) {
        // A panic that nobody has taken note of is the scope's.
        if let (Some(Err(_)), Some(scope)) = (self.result.get_mut(), &self.scope) {
            scope.a_thread_panicked();
        }
    }
}

// SAFETY: all explored threads are run by one thread of the operating system, and a result is only
// taken by whoever joins.
unsafe impl<T: Send> Send for Packet<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Packet<T> {}

/// As [`std::thread::spawn`].
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(f).expect("failed to spawn thread")
}

/// What a thread does, and where it puts what `f` came to.
fn body<'a, F, T>(
    f: F,
    scope: Option<Arc<scope::Threads>>,
) -> (Box<dyn FnOnce() + 'a>, Arc<Packet<T>>)
where
    F: FnOnce() -> T + 'a,
    T: 'a,
{
    let packet = Arc::new(Packet { result: std::cell::Cell::new(None), scope });
    let result = packet.clone();
    let body = move || {
        let mut f = Some(f);
        let mut value = None;
        let caught = run_thread(&mut || value = f.take().map(|f| f()));
        result.result.set(caught.map(|()| value).transpose());
        drop(result);
    };
    (Box::new(body), packet)
}

/// Runs `f` as a thread does: a panic becomes the result.
fn run_thread(f: &mut dyn FnMut()) -> Result<()> {
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    if result.is_err() {
        trace::with(|world| world.task().killed = true);
    }
    result
}

/// What the first thread does: its end is not the end of the execution, but its panic is.
pub(super) fn first(body: impl FnOnce() + 'static) -> Body {
    Box::new(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        if let Err(payload) = result {
            note_without_words(payload.as_ref());
            execution::give_up(End::Panicked);
        }
        end_of_thread();
    })
}

/// A panic that was resumed has not passed the hook.
fn note_without_words(payload: &(dyn Any + Send)) {
    let message = crate::panics::words(payload);
    trace::with(|world| {
        if world.panics.is_empty() {
            let task = world.current;
            world.panics.push(trace::Panic { task, message, place: None });
        }
    });
}

/// What every thread does last.
fn end_of_thread() {
    local::drop_all();
    trace::with(|world| {
        let task = world.task();
        task.ended = true;
        task.wants = None;
    });
    execution::unblock_all((trace::me(), Part::End));
}

/// Starts a thread that does this.
fn start<'a>(
    name: Option<String>,
    stack: usize,
    body: Box<dyn FnOnce() + 'a>,
    at: At,
) -> std::io::Result<Thread> {
    let body = move || {
        body();
        end_of_thread();
    };
    let body: Box<dyn FnOnce() + 'a> = Box::new(body);
    // SAFETY: only the length of a life changes. A thread of a scope has ended before the scope is
    // left, and one that is not of a scope borrows nothing. If an execution is given up, none of its
    // threads runs any more.
    let body: Body = unsafe { std::mem::transmute(body) };
    execution::make_room(at);
    let number = execution::start(body, stack)?;
    let name: Option<Arc<str>> = name.map(Into::into);
    if name.is_some() {
        trace::with(|world| {
            let same = world.tasks[..number].iter().filter(|task| task.name == name).count();
            world.tasks[number].namesakes = same;
            world.tasks[number].name = name.clone();
        });
    }
    let thread = Thread { number, name };
    trace::act(None, at, || format!("starts {}", thread.shown()));
    Ok(thread)
}

impl<T> Joined<T> {
    fn join(self, at: At) -> Result<T> {
        let target = self.thread.number;
        execution::point(at);
        while !self.is_finished() {
            execution::block((target, Part::End), "joining", Obstacle::Thread(target), at);
        }
        trace::act(None, at, || format!("has joined {}", self.thread.shown()));
        let result = self.packet.result.take();
        result.expect("a thread that has ended has a result")
    }

    fn is_finished(&self) -> bool {
        trace::with(|world| world.tasks[self.thread.number].ended)
    }
}

impl<T> JoinHandle<T> {
    /// As [`std::thread::JoinHandle::join`].
    #[track_caller]
    pub fn join(self) -> Result<T> {
        self.0.join(Location::caller())
    }

    /// As [`std::thread::JoinHandle::thread`].
    pub fn thread(&self) -> &Thread {
        &self.0.thread
    }

    /// As [`std::thread::JoinHandle::is_finished`].
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        execution::point(Location::caller());
        self.0.is_finished()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

impl Thread {
    /// As [`std::thread::Thread::id`].
    pub fn id(&self) -> ThreadId {
        ThreadId(NonZero::<u64>::MIN.saturating_add(self.number as u64))
    }

    /// As [`std::thread::Thread::name`].
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref().or((self.number == 0).then_some("main"))
    }

    /// As [`std::thread::Thread::unpark`].
    #[track_caller]
    pub fn unpark(&self) {
        let at = Location::caller();
        execution::point(at);
        trace::with(|world| world.tasks[self.number].token = true);
        execution::unblock_all((self.number, Part::Token));
        trace::act(None, at, || format!("unparks {}", self.shown()));
    }

    fn shown(&self) -> String {
        trace::with(|world| trace::name(&world.tasks[self.number], self.number))
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Thread");
        all.field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// As [`std::thread::current`].
pub fn current() -> Thread {
    trace::with(|world| {
        assert!(!world.tasks.is_empty(), "{}", trace::OUTSIDE);
        Thread { number: world.current, name: world.task().name.clone() }
    })
}

/// As [`std::thread::panicking`].
pub fn panicking() -> bool {
    trace::unwinding()
}

/// As [`std::thread::yield_now`].
#[track_caller]
pub fn yield_now() {
    execution::give_way(Location::caller());
}

/// As [`std::thread::sleep`]. Time passes for all threads, however long the others take meanwhile:
/// sleeping orders nothing.
#[track_caller]
pub fn sleep(time: Duration) {
    let at = Location::caller();
    trace::act(None, at, || "sleeps, which orders nothing".to_owned());
    execution::sleep(time, at);
}

/// As [`std::thread::sleep_ms`].
#[track_caller]
pub fn sleep_ms(milliseconds: u32) {
    sleep(Duration::from_millis(milliseconds.into()));
}

/// How often parking ends for no reason, for one thread of one execution.
const WAKES: u32 = 2;

/// As [`std::thread::park`]. It ends for no reason now and then, but not for ever.
#[track_caller]
pub fn park() {
    let at = Location::caller();
    trace::act(None, at, || "parks".to_owned());
    execution::point(at);
    let may_wake = trace::with(|world| world.may_be_spurious() && world.task().woken < WAKES);
    if may_wake && execution::chance(64) {
        trace::with(|world| world.task().woken += 1);
        trace::act(None, at, || "wakes up (nobody unparked it)".to_owned());
        return;
    }
    let key = (trace::me(), Part::Token);
    while !trace::with(|world| std::mem::take(&mut world.task().token)) {
        execution::block(key, "parked", Obstacle::Unnamed, at);
    }
}

/// As [`std::thread::park_timeout`].
#[track_caller]
pub fn park_timeout(limit: Duration) {
    let at = Location::caller();
    trace::act(None, at, || "parks for a time".to_owned());
    execution::point(at);
    let key = (trace::me(), Part::Token);
    if !trace::with(|world| world.task().token) {
        execution::block_for(limit, key, "parked", Obstacle::Unnamed, at);
    }
    trace::with(|world| world.task().token = false);
}

/// As [`std::thread::park_timeout_ms`].
#[track_caller]
pub fn park_timeout_ms(milliseconds: u32) {
    park_timeout(Duration::from_millis(milliseconds.into()));
}

/// As [`std::thread::available_parallelism`]: what the check says, on every machine.
pub fn available_parallelism() -> std::io::Result<NonZero<usize>> {
    Ok(NonZero::new(trace::with(|world| world.processors)).unwrap_or(NonZero::<usize>::MIN))
}

/// The time that has passed for the program.
pub(super) fn now() -> Instant {
    Instant::after(trace::with(|world| world.clock))
}
