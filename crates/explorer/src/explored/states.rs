//! Where every thread of a program stands after a schedule that somebody else chooses, step by step.
//!
//! [`after`] runs a program along a path and stops it before the next choice. Who calls it again and
//! again, each time one choice further, sees all that the program can do: a graph of its states.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::diagnosis::prepare_hook;
use super::execution::{self, End};
use super::scheduler::{Choice, Scheduler};
use super::sync::{Condvar, Mutex, atomic, mpsc};
use super::{thread, trace};
use crate::report;

/// One choice: who runs, and whom it wakes if several wait for what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// The number of the thread.
    pub thread: usize,
    /// Which of those that wait is woken, modulo their number.
    pub wakes: u8,
}

/// How a path has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Somebody has to be chosen.
    Choice,
    /// All threads have ended.
    Done,
    /// Threads are left, and none of them can run.
    Stuck,
    /// The first thread has panicked.
    Panicked,
    /// The steps of an execution were used up.
    Endless,
}

/// A program after some steps.
#[derive(Clone, Debug)]
pub struct Moment {
    /// What becomes of it.
    pub ending: Ending,
    /// All threads; the first is the program's main thread.
    pub threads: Vec<report::Thread>,
    /// The numbers of those that can run.
    pub ready: Vec<usize>,
    /// Whether several threads waited for what the last step did, so that chance has chosen.
    pub chance: bool,
    /// What panics have said.
    pub panics: Vec<report::Panicked>,
}

/// Runs `body` along `path`. Threads that have not begun, and the main thread, run whenever they can
/// and are no part of the path, so a choice is always one among threads that stand at an operation.
///
/// The panic hook of the process is replaced.
pub fn after(body: impl FnOnce() + 'static, path: &[Step]) -> Moment {
    prepare_hook();
    let seen = Rc::new(Seen::default());
    let walk = Walk { path: path.to_vec(), next: 0, begun: vec![0], seen: Rc::clone(&seen) };
    let (end, mut world) =
        execution::run(thread::first(body), Box::new(walk), trace::Recorded::Nothing);
    let ending = match end {
        End::Stopped => Ending::Choice,
        End::Done => Ending::Done,
        End::Deadlock => Ending::Stuck,
        End::Panicked => Ending::Panicked,
        End::Endless => Ending::Endless,
    };
    let told = |panic: &trace::Panic| report::Panicked {
        thread: trace::name(&world.tasks[panic.task], panic.task),
        message: panic.message.clone(),
        place: panic.place.clone(),
    };
    let panics = world.panics.iter().map(told).collect();
    let ready = std::mem::take(&mut world.ready);
    Moment { ending, threads: world.picture().0, ready, chance: seen.chance.get(), panics }
}

/// As [`std::mem::drop`]. What is unlocked by it is unlocked here; without it the explorer knows only
/// where the lock was taken.
#[track_caller]
pub fn drop<T>(value: T) {
    let here = Some(Location::caller());
    trace::with(|world| world.task().drops = here);
    std::mem::drop(value);
    trace::with(|world| world.task().drops = None);
}

/// What a walk tells whoever follows it.
#[derive(Default)]
struct Seen {
    /// Whether the last step of the path asked chance for something.
    chance: Cell<bool>,
}

/// Follows a path, and stops before the next choice.
struct Walk {
    path: Vec<Step>,
    /// How much of it is behind.
    next: usize,
    /// Which threads have run.
    begun: Vec<usize>,
    seen: Rc<Seen>,
}

impl Walk {
    /// Who runs without being chosen.
    fn unchosen(&self, choice: &Choice) -> Option<usize> {
        let new = choice.ready.iter().find(|it| !self.begun.contains(it));
        new.or(choice.ready.iter().find(|it| **it == 0)).copied()
    }
}

impl Scheduler for Walk {
    fn choose(&mut self, choice: &Choice) -> usize {
        if let Some(number) = self.unchosen(choice) {
            self.begun.push(number);
            return number;
        }
        let step = self.path[self.next];
        self.next += 1;
        self.seen.chance.set(false);
        assert!(choice.ready.contains(&step.thread), "thread {} cannot run here", step.thread);
        step.thread
    }

    fn stops(&mut self, choice: &Choice) -> bool {
        self.unchosen(choice).is_none() && self.next == self.path.len()
    }

    fn byte(&mut self) -> u8 {
        // Before the first step it is asked whether things may happen for no reason: they may not.
        let Some(last) = self.next.checked_sub(1) else { return 255 };
        self.seen.chance.set(true);
        self.path[last].wakes
    }
}

/// What is seen of something that threads share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its number among the resources of the [`Moment`], if a thread has used it and can wait for it.
    pub resource: Option<usize>,
    /// Its value, or nothing for what has none.
    pub value: Option<String>,
}

/// Something that threads share, and that a picture shows.
pub trait Shared {
    /// Looks at it, whoever holds it. Only when no execution runs: then nobody is about to change it.
    fn watch(&self) -> Box<dyn Fn() -> Look>;
}

fn nobody_runs() {
    assert!(!trace::is_running(), "what threads share is looked at when they have been stopped");
}

impl<T: Debug + 'static> Shared for Arc<Mutex<T>> {
    fn watch(&self) -> Box<dyn Fn() -> Look> {
        let mutex = Arc::clone(self);
        Box::new(move || {
            nobody_runs();
            // SAFETY: the threads of the execution are gone, and with them every guard.
            let value = unsafe { &*mutex.value() };
            Look { resource: mutex.resource(), value: Some(format!("{value:?}")) }
        })
    }
}

impl Shared for Arc<Condvar> {
    fn watch(&self) -> Box<dyn Fn() -> Look> {
        let condvar = Arc::clone(self);
        Box::new(move || {
            nobody_runs();
            Look { resource: condvar.resource(), value: None }
        })
    }
}

impl<T: Debug + 'static> Shared for mpsc::Receiver<T> {
    fn watch(&self) -> Box<dyn Fn() -> Look> {
        let look = self.look();
        Box::new(move || {
            nobody_runs();
            let (resource, value) = look();
            Look { resource, value: Some(value) }
        })
    }
}

macro_rules! shared_atomic {
    ($($name:ident)*) => {$(
        impl Shared for Arc<atomic::$name> {
            fn watch(&self) -> Box<dyn Fn() -> Look> {
                let atomic = Arc::clone(self);
                Box::new(move || {
                    nobody_runs();
                    // SAFETY: the threads of the execution are gone.
                    let value = unsafe { *atomic.as_ptr() };
                    Look { resource: None, value: Some(format!("{value:?}")) }
                })
            }
        }
    )*};
}

shared_atomic!(AtomicBool AtomicI32 AtomicI64 AtomicU32 AtomicU64 AtomicUsize);

thread_local! {
    static LOCALS: RefCell<Vec<(usize, &'static str, String)>> = const { RefCell::new(Vec::new()) };
}

/// Shows a variable of the running thread from now on.
pub fn show(name: &'static str, value: impl Debug) {
    let (me, value) = (trace::me(), format!("{value:?}"));
    LOCALS.with_borrow_mut(|locals| {
        match locals.iter_mut().find(|(thread, known, _)| (*thread, *known) == (me, name)) {
            Some(known) => known.2 = value,
            None => locals.push((me, name, value)),
        }
    });
}

/// Hands out what [`show`] has shown since the last time: the thread's number, name and value.
pub fn shown() -> Vec<(usize, &'static str, String)> {
    LOCALS.take()
}
