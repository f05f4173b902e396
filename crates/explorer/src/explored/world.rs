//! What the facade knows about one execution: who holds what, who waits for what, who did what.
//!
//! All threads of an explored program are coroutines of one thread of the operating system, so a
//! thread-local variable is shared by them all and never contended.

use std::cell::{Cell, RefCell};
use std::panic::Location;

use crate::report;

pub(super) type At = &'static Location<'static>;

/// A thread of the explored program.
#[derive(Default)]
pub(super) struct Task {
    pub(super) name: Option<String>,
    pub(super) wants: Option<Want>,
    pub(super) holds: Vec<(usize, At)>,
    pub(super) at: Option<At>,
    pub(super) ended: bool,
    /// Whether it has panicked, and has not been seen since without one.
    pub(super) unwinding: bool,
    /// Whether a panic has ended it.
    pub(super) killed: bool,
    /// How often it was scheduled.
    pub(super) steps: u64,
    /// What it does as soon as it runs again.
    about_to: Option<report::Event>,
    /// Its panic, until somebody takes notice of it by joining.
    pub(super) panic: Option<Panic>,
}

/// What a blocked thread waits for.
#[derive(Clone)]
pub(super) struct Want {
    pub(super) verb: &'static str,
    pub(super) of: report::Obstacle,
    pub(super) at: At,
}

/// A panic as the hook saw it.
#[derive(Clone)]
pub(super) struct Panic {
    /// The number of the thread.
    pub(super) task: usize,
    pub(super) message: String,
    /// Where, if a learner can look there.
    pub(super) place: Option<report::Place>,
}

struct Made {
    kind: &'static str,
    at: At,
    address: usize,
}

#[derive(Default)]
pub(super) struct World {
    execution: u64,
    /// Whether events are kept. Off while thousands of schedules are tried.
    pub(super) recording: bool,
    /// Whether waits of this execution may end without a reason.
    pub(super) spurious: bool,
    pub(super) tasks: Vec<Task>,
    made: Vec<Made>,
    events: Vec<report::Event>,
    pub(super) panics: Vec<Panic>,
    /// What the next panic is really about.
    pub(super) really: Option<report::Kind>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// The panics of this execution, for a signal handler; `None` if there is no execution, or if this
/// is just being changed.
pub(super) fn panics_so_far() -> Option<Vec<report::Panicked>> {
    WORLD.with(|world| {
        let world = world.try_borrow().ok()?;
        let told = |panic: &Panic| report::Panicked {
            thread: name(&world.tasks[panic.task], panic.task),
            message: panic.message.clone(),
            place: panic.place.clone(),
        };
        (world.execution > 0).then(|| world.panics.iter().map(told).collect())
    })
}

pub(super) fn with<T>(f: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with(|world| f(&mut world.borrow_mut()))
}

/// The number of the running thread.
pub(super) fn me() -> usize {
    shuttle_engine::current::try_get_current_task().map_or(0, usize::from)
}

/// Forgets the previous execution.
pub(super) fn begin(recording: bool) {
    with(|world| {
        let execution = world.execution + 1;
        *world = World { execution, recording, ..World::default() };
    });
}

/// The identity of something that threads block on, part of its memory.
pub(super) struct Tag {
    kind: &'static str,
    at: At,
    known: Cell<(u64, usize)>,
}

impl Tag {
    #[track_caller]
    pub(super) const fn new(kind: &'static str) -> Tag {
        Tag { kind, at: Location::caller(), known: Cell::new((0, 0)) }
    }

    /// Its number in this execution.
    pub(super) fn number(&self) -> usize {
        with(|world| {
            let (execution, number) = self.known.get();
            let address = std::ptr::from_ref(self).addr();
            if execution == world.execution {
                world.made[number].address = address;
                return number;
            }
            world.made.push(Made { kind: self.kind, at: self.at, address });
            let number = world.made.len() - 1;
            self.known.set((world.execution, number));
            number
        })
    }
}

impl World {
    pub(super) fn task(&mut self, number: usize) -> &mut Task {
        while self.tasks.len() <= number {
            self.tasks.push(Task::default());
        }
        &mut self.tasks[number]
    }

    /// The panic that explains the others: one that only passes a thread's panic or a poisoned lock
    /// on says less than what came before it.
    pub(super) fn cause(&self) -> Option<Panic> {
        let cause = self.panics.iter().rfind(|panic| !passes_on(&panic.message));
        cause.or(self.panics.last()).cloned()
    }

    /// The panics that threads have died of, or are dying of, one for each thread. What only passes
    /// one on is left out.
    fn fatal(&self) -> Vec<&Panic> {
        let mut fatal: Vec<&Panic> = Vec::new();
        for panic in self.panics.iter().filter(|panic| !passes_on(&panic.message)) {
            let task = &self.tasks[panic.task];
            if task.killed || task.unwinding {
                fatal.retain(|earlier| earlier.task != panic.task);
                fatal.push(panic);
            }
        }
        fatal
    }

    /// Why threads wait for ever, if it is because others have panicked.
    pub(super) fn waits_after_panics(&self) -> Option<String> {
        let fatal = self.fatal();
        let told = fatal.iter().map(|panic| {
            let who = name(&self.tasks[panic.task], panic.task);
            let at = panic.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
            format!("{who} panicked{at}: {}", panic.message)
        });
        let told = told.collect::<Vec<_>>().join(";\n");
        let waits = |number: &usize| {
            let task = &self.tasks[*number];
            !task.ended && task.wants.is_some() && fatal.iter().all(|panic| panic.task != *number)
        };
        let waiting: Vec<String> = (0..self.tasks.len())
            .filter(waits)
            .map(|number| name(&self.tasks[number], number))
            .collect();
        match (&fatal[..], &waiting[..]) {
            ([], _) => None,
            (_, []) => Some(format!("{told};\nand waits for ever on the way out")),
            (_, [one]) => Some(format!("{told};\nso {one} waits for ever")),
            (_, [all @ .., last]) => {
                Some(format!("{told};\nso {} and {last} wait for ever", all.join(", ")))
            }
        }
    }

    pub(super) fn note(
        &mut self,
        thread: usize,
        what: String,
        resource: Option<usize>,
        place: report::Place,
    ) {
        self.events.push(report::Event { thread, what, resource, place });
    }
}

/// Notes an action of the running thread. The words are made only if somebody will read them.
#[inline]
pub(super) fn act(resource: Option<usize>, at: At, what: impl FnOnce() -> String) {
    if is_read(at) {
        noted(resource, at, what());
    }
}

fn is_read(at: At) -> bool {
    let me = me();
    with(|world| {
        let task = world.task(me);
        task.at = Some(at);
        task.unwinding &= std::thread::panicking();
        world.recording
    })
}

fn noted(resource: Option<usize>, at: At, what: String) {
    let me = me();
    with(|world| world.note(me, what, resource, at.into()));
}

/// Notes what the running thread does when it is scheduled next. Others may run before.
pub(super) fn about_to(resource: usize, at: At, what: &str) {
    let me = me();
    with(|world| {
        let recording = world.recording;
        let task = world.task(me);
        task.at = Some(at);
        task.about_to = recording.then(|| report::Event {
            thread: me,
            what: what.to_owned(),
            resource: Some(resource),
            place: at.into(),
        });
    });
}

/// A thread has been scheduled.
pub(super) fn runs(number: usize) {
    with(|world| {
        world.task(number).steps += 1;
        if world.recording
            && let Some(event) = world.task(number).about_to.take()
        {
            world.events.push(event);
        }
    });
}

/// Notes that the running thread unlocks something. Where, a guard does not know when it is dropped.
pub(super) fn unlocks(resource: usize) {
    let me = me();
    with(|world| {
        if world.recording {
            let what = "unlocks {}".to_owned();
            world.note(me, what, Some(resource), report::Place::default());
        }
    });
}

/// Whether the running thread unwinds. For std all explored threads are one, which panics as soon as
/// one of them does.
pub(super) fn unwinding() -> bool {
    use shuttle_engine::runtime::execution::ExecutionState;
    if !std::thread::panicking() || ExecutionState::unwinding_for_teardown() {
        return false;
    }
    let me = me();
    with(|world| {
        // A panic that is resumed does not pass the hook: then nobody else has one either.
        world.task(me).unwinding || world.tasks.iter().all(|task| !task.unwinding)
    })
}

/// The running thread is about to block.
pub(super) fn wants(verb: &'static str, of: report::Obstacle, at: At) {
    let me = me();
    with(|world| {
        let task = world.task(me);
        task.at = Some(at);
        task.wants = Some(Want { verb, of, at });
        task.unwinding &= std::thread::panicking();
    });
}

/// The running thread goes on.
pub(super) fn goes_on() {
    let me = me();
    with(|world| world.task(me).wants = None);
}

/// The running thread holds a lock from now on.
pub(super) fn acquired(resource: usize, at: At) {
    let me = me();
    with(|world| {
        let task = world.task(me);
        task.wants = None;
        task.holds.push((resource, at));
    });
}

/// The running thread has given a lock back.
pub(super) fn released(resource: usize) {
    let me = me();
    with(|world| {
        let holds = &mut world.task(me).holds;
        if let Some(index) = holds.iter().rposition(|(held, _)| *held == resource) {
            holds.remove(index);
        }
    });
}

/// Whether the running thread holds this lock.
pub(super) fn holds(resource: usize) -> bool {
    let me = me();
    with(|world| world.task(me).holds.iter().any(|(held, _)| *held == resource))
}

/// The threads and what they block on, as the report shows them.
pub(super) fn picture() -> (Vec<report::Thread>, Vec<report::Resource>, Vec<report::Event>) {
    with(|world| {
        let threads = (0..world.tasks.len())
            .map(|number| {
                let task = &world.tasks[number];
                let blocked = task.wants.as_ref().filter(|_| !task.ended);
                report::Thread {
                    name: name(task, number),
                    blocked: blocked.map(|w| (w.verb.to_owned(), w.of.clone(), w.at.into())),
                    holds: task.holds.iter().map(|(held, at)| (*held, (*at).into())).collect(),
                    at: task.at.map(Into::into),
                    ended: task.ended,
                }
            })
            .collect();
        let resources = world.made.iter().map(|made| {
            let siblings = || world.made.iter().filter(|m| std::ptr::eq(m.at, made.at));
            report::Resource {
                kind: made.kind.to_owned(),
                made: made.at.into(),
                rank: siblings().filter(|m| m.address < made.address).count(),
                siblings: siblings().count(),
            }
        });
        (threads, resources.collect(), std::mem::take(&mut world.events))
    })
}

pub(super) fn name(task: &Task, number: usize) -> String {
    match (&task.name, number) {
        (Some(name), _) => name.clone(),
        (None, 0) => "main".to_owned(),
        (None, number) => format!("thread {number}"),
    }
}

pub(super) use crate::panics::{passes_on, words};
