//! `std::thread` under a scheduler that tries interleavings. A panic ends its thread and is handed
//! to whoever joins it, as in std.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

pub use shuttle::thread::{LocalKey, Thread, ThreadId};
pub use std::thread::Result;

use super::world::{self, At};
use crate::report::Obstacle;

/// As [`std::thread::JoinHandle`].
pub struct JoinHandle<T> {
    inner: shuttle::thread::JoinHandle<()>,
    result: Arc<Outcome<T>>,
}

/// As [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T> {
    inner: shuttle::thread::ScopedJoinHandle<'scope, ()>,
    result: Arc<Outcome<T>>,
}

/// Where a thread puts its result. The explorer sees only threads without one, so it is compiled
/// once, and not with every submission for every type.
struct Outcome<T>(Cell<Option<Result<T>>>);

// SAFETY: all explored threads are run by one thread of the operating system.
unsafe impl<T: Send> Send for Outcome<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Outcome<T> {}

/// As [`std::thread::Scope`].
#[derive(Debug)]
#[repr(transparent)]
pub struct Scope<'scope, 'env: 'scope>(shuttle::thread::Scope<'scope, 'env>);

/// As [`std::thread::Builder`]. Names of threads appear in the grader's reports.
#[derive(Debug, Default)]
pub struct Builder {
    name: Option<String>,
}

/// As [`std::thread::spawn`].
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn_named(None, f, Location::caller())
}

fn spawn_named<F, T>(name: Option<String>, f: F, at: At) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (body, result) = body(f);
    JoinHandle { inner: start(name, body, at), result }
}

fn start(
    name: Option<String>,
    body: Box<dyn FnOnce() + Send>,
    at: At,
) -> shuttle::thread::JoinHandle<()> {
    let mut builder = shuttle::thread::Builder::new();
    if let Some(name) = &name {
        builder = builder.name(name.clone());
    }
    let inner = builder.spawn(body).expect("an explored thread can always be made");
    began(usize::from(inner.thread().id()), name, at);
    inner
}

fn began(number: usize, name: Option<String>, at: At) {
    let shown = name.clone().unwrap_or_else(|| format!("thread {number}"));
    world::with(|world| world.task(number).name = name);
    world::act(None, at, || format!("starts {shown}"));
}

/// What a thread does, and where it puts what `f` came to.
fn body<'a, F, T>(f: F) -> (Box<dyn FnOnce() + Send + 'a>, Arc<Outcome<T>>)
where
    F: FnOnce() -> T + Send + 'a,
    T: Send + 'a,
{
    let result = Arc::new(Outcome(Cell::new(None)));
    let outcome = result.clone();
    let body = move || {
        let mut f = Some(f);
        let mut value = None;
        let caught = caught(&mut || value = f.take().map(|f| f()));
        outcome.0.set(caught.map(|()| value).transpose());
    };
    (Box::new(body), result)
}

/// Runs `f` as a thread does: a panic becomes the result.
fn caught(f: &mut dyn FnMut()) -> Result<()> {
    catch_unwind(AssertUnwindSafe(f)).map_err(ended_by_panic)?;
    ended();
    Ok(())
}

fn ended() {
    let me = world::me();
    world::with(|world| {
        let task = world.task(me);
        task.ended = true;
        task.wants = None;
    });
}

fn ended_by_panic(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    // When an execution is given up, the stacks of its threads are unwound by a panic of the
    // explorer's own, which must reach the explorer.
    if shuttle_engine::runtime::execution::ExecutionState::unwinding_for_teardown() {
        resume_unwind(payload);
    }
    let me = world::me();
    world::with(|world| {
        let panic = world.panics.iter().rfind(|panic| panic.task == me).cloned();
        let panic = panic.unwrap_or_else(|| world::Panic {
            task: me,
            message: world::words(payload.as_ref()),
            place: None,
        });
        let task = world.task(me);
        task.ended = true;
        task.killed = true;
        task.wants = None;
        task.panic = Some(panic);
    });
    if world::with(|world| world.task(0).ended) {
        // Who could join this thread has ended, so nobody will ever know.
        resume_unwind(payload);
    }
    payload
}

fn join(target: usize, at: At, join: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    world::wants("joining", Obstacle::Thread(target), at);
    let joined = join();
    world::goes_on();
    world::with(|world| world.task(target).panic = None);
    world::act(None, at, || {
        let name = world::with(|world| world.task(target).name.clone());
        format!("has joined {}", name.unwrap_or_else(|| format!("thread {target}")))
    });
    joined
}

fn join_thread(inner: shuttle::thread::JoinHandle<()>, at: At) -> Result<()> {
    let target = usize::from(inner.thread().id());
    let mut inner = Some(inner);
    join(target, at, &mut || inner.take().map_or(Ok(()), |inner| inner.join()))
}

fn join_scoped(inner: shuttle::thread::ScopedJoinHandle<'_, ()>, at: At) -> Result<()> {
    let target = usize::from(inner.thread().id());
    let mut inner = Some(inner);
    join(target, at, &mut || inner.take().map_or(Ok(()), |inner| inner.join()))
}

impl<T> Outcome<T> {
    fn take(&self) -> Result<T> {
        self.0.take().expect("a thread that has ended has a result")
    }
}

impl<T> JoinHandle<T> {
    /// As [`std::thread::JoinHandle::join`].
    #[track_caller]
    pub fn join(self) -> Result<T> {
        join_thread(self.inner, Location::caller())?;
        self.result.take()
    }

    /// As [`std::thread::JoinHandle::thread`].
    pub fn thread(&self) -> &Thread {
        self.inner.thread()
    }

    /// As [`std::thread::JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        yield_now();
        let number = usize::from(self.inner.thread().id());
        world::with(|world| world.task(number).ended)
    }
}

impl<T> ScopedJoinHandle<'_, T> {
    /// As [`std::thread::ScopedJoinHandle::join`].
    #[track_caller]
    pub fn join(self) -> Result<T> {
        join_scoped(self.inner, Location::caller())?;
        self.result.take()
    }

    /// As [`std::thread::ScopedJoinHandle::thread`].
    pub fn thread(&self) -> &Thread {
        self.inner.thread()
    }

    /// As [`std::thread::ScopedJoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        yield_now();
        self.inner.is_finished()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
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
    let mut f = Some(f);
    let mut value = None;
    if scoped(Location::caller(), &mut |scope| value = f.take().map(|f| f(scope))) {
        panic!("a scoped thread panicked");
    }
    value.expect("a scope that was left has a result")
}

/// Whether a thread of the scope has panicked and nobody has joined it.
fn scoped<'env>(at: At, f: &mut dyn for<'scope> FnMut(&'scope Scope<'scope, 'env>)) -> bool {
    let before = world::with(|world| world.tasks.len());
    let result = shuttle::thread::scope(|inner: &shuttle::thread::Scope<'_, 'env>| {
        // SAFETY: Scope is a transparent wrapper of what the reference points to.
        let scope = unsafe { &*std::ptr::from_ref(inner).cast::<Scope<'_, 'env>>() };
        // As in std, the threads are waited for even if `f` panics.
        let result = catch_unwind(AssertUnwindSafe(|| f(scope)));
        world::wants("waiting for the end of its scope", Obstacle::Unnamed, at);
        let me = world::me();
        world::with(|world| world.task(me).unwinding |= result.is_err());
        result
    });
    world::goes_on();
    if let Err(payload) = result {
        resume_unwind(payload);
    }
    world::with(|world| {
        let mut unseen = false;
        // Every panic is taken, also those after the first.
        for task in world.tasks.iter_mut().skip(before.max(1)) {
            unseen |= task.panic.take().is_some();
        }
        unseen
    })
}

impl<'scope> Scope<'scope, '_> {
    /// As [`std::thread::Scope::spawn`].
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.spawn_named(None, f, Location::caller())
    }

    fn spawn_named<F, T>(
        &'scope self,
        name: Option<String>,
        f: F,
        at: At,
    ) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let (body, result) = body(f);
        ScopedJoinHandle { inner: self.start(name, body, at), result }
    }

    fn start(
        &'scope self,
        name: Option<String>,
        body: Box<dyn FnOnce() + Send + 'scope>,
        at: At,
    ) -> shuttle::thread::ScopedJoinHandle<'scope, ()> {
        let inner = self.0.spawn(body);
        began(usize::from(inner.thread().id()), name, at);
        inner
    }
}

impl Builder {
    /// As [`std::thread::Builder::new`].
    pub fn new() -> Builder {
        Builder::default()
    }

    /// As [`std::thread::Builder::name`].
    pub fn name(mut self, name: String) -> Builder {
        self.name = Some(name);
        self
    }

    /// As [`std::thread::Builder::stack_size`], without an effect.
    pub fn stack_size(self, _bytes: usize) -> Builder {
        self
    }

    /// As [`std::thread::Builder::spawn`].
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Ok(spawn_named(self.name, f, Location::caller()))
    }

    /// As [`std::thread::Builder::spawn_scoped`].
    #[track_caller]
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> std::io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Ok(scope.spawn_named(self.name, f, Location::caller()))
    }
}

/// As [`std::thread::panicking`].
pub fn panicking() -> bool {
    world::unwinding()
}

/// As [`std::thread::yield_now`].
#[track_caller]
pub fn yield_now() {
    world::act(None, Location::caller(), || "yields".to_owned());
    shuttle::thread::yield_now();
}

/// As [`std::thread::sleep`]. Time is not modelled: anything may happen meanwhile, or nothing.
#[track_caller]
pub fn sleep(_time: Duration) {
    world::act(None, Location::caller(), || "sleeps, which orders nothing".to_owned());
    shuttle::thread::yield_now();
}

/// As [`std::thread::park`].
#[track_caller]
pub fn park() {
    let at = Location::caller();
    world::act(None, at, || "parks".to_owned());
    world::wants("parked", Obstacle::Unnamed, at);
    shuttle::thread::park();
    world::goes_on();
}

/// As [`std::thread::park_timeout`]; time is not modelled, it ends at any moment.
#[track_caller]
pub fn park_timeout(_limit: Duration) {
    world::act(None, Location::caller(), || "parks for a time".to_owned());
    shuttle::thread::yield_now();
}

/// As [`std::thread::current`].
pub fn current() -> Thread {
    shuttle::thread::current()
}

/// As [`std::thread::available_parallelism`]: two, on every machine.
pub fn available_parallelism() -> std::io::Result<std::num::NonZero<usize>> {
    Ok(std::num::NonZero::<usize>::MIN.saturating_add(1))
}
