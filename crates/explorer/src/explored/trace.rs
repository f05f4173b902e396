//! What is known about one execution: who holds what, who waits for what, who did what.
//!
//! All threads of an explored program are coroutines of one thread of the operating system, so a
//! thread-local variable is shared by them all and never contended.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::execution::{End, Fiber, Key, State};
use super::scheduler::{Choice, Scheduler};
use super::walk::Moments;
use crate::panics::{innermost, passes_on};
use crate::report;
use crate::schedule::Steps;

pub(super) type At = &'static Location<'static>;

/// A thread of the explored program.
#[derive(Default)]
pub(super) struct Task {
    pub(super) fiber: Fiber,
    pub(super) state: State,
    /// What wakes it.
    pub(super) key: Option<Key>,
    pub(super) timed_out: bool,
    /// How often it has given way and done nothing else.
    pub(super) in_a_row: u32,
    /// How often it has given way since it was chosen.
    pub(super) hurry: u32,
    pub(super) name: Option<Arc<str>>,
    /// How many threads before it have the same name.
    pub(super) namesakes: usize,
    pub(super) wants: Option<Want>,
    pub(super) holds: Vec<(usize, At)>,
    pub(super) at: Option<At>,
    /// Where it is dropping something.
    pub(super) drops: Option<At>,
    pub(super) ended: bool,
    /// The lock that it is about to give back, and where that is, if it is known.
    pub(super) unlocks: Option<(usize, Option<report::Place>)>,
    /// Whether somebody has unparked it.
    pub(super) token: bool,
    /// How often it was woken from parking for no reason.
    pub(super) woken: u32,
    /// How many panics unwind its stack.
    pub(super) unwinding: u32,
    /// Whether a panic has ended it.
    pub(super) killed: bool,
    /// How often it was scheduled.
    pub(super) steps: u64,
    /// Its thread-local variables, by their keys.
    pub(super) locals: Vec<(usize, Option<Box<dyn Any>>)>,
    /// What it does as soon as it runs again.
    about_to: Option<report::Event>,
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
    used: Option<At>,
    address: usize,
    meets: usize,
}

/// What is kept of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// Nothing, while thousands of schedules are tried.
    Nothing,
    /// What threads do.
    Events,
    /// That, and how all of them stand before each choice.
    Moments,
}

/// An execution.
pub(super) struct World {
    execution: u64,
    /// Whether it is running.
    running: bool,
    /// Whether events are kept.
    pub(super) recording: bool,
    /// Where everybody stood, if that is kept.
    pub(super) moments: Option<Box<Moments>>,
    /// Whether waits of this execution may end without a reason.
    pub(super) spurious: bool,
    /// Whether it passes over that threads give way.
    pub(super) hurried: bool,
    pub(super) scheduler: Box<dyn Scheduler>,
    /// Who ran, and what chance decided.
    pub(super) schedule: Steps,
    /// Whether there was ever more than one thread to choose from, or chance to decide something.
    pub(super) choice: bool,
    pub(super) steps: u64,
    /// How much time has passed, for the program.
    pub(super) clock: Duration,
    /// After how many steps this execution is held to run for ever.
    pub(super) most_steps: u64,
    /// How many processors the program sees.
    pub(super) processors: usize,
    /// How often threads have waited at barriers.
    pub(super) barriers: usize,
    pub(super) tasks: Vec<Task>,
    pub(super) current: usize,
    /// Who runs next.
    pub(super) next: Option<usize>,
    pub(super) end: Option<End>,
    /// Who can run, in the order of their numbers.
    pub(super) ready: Vec<usize>,
    /// Who is blocked, in the order of their numbers.
    pub(super) blocked: Vec<usize>,
    /// Who of them waits until some time at most.
    pub(super) timed: Vec<usize>,
    made: Vec<Made>,
    /// The numbers of those that have no room for them, by address.
    numbers: HashMap<usize, usize>,
    events: Vec<report::Event>,
    pub(super) panics: Vec<Panic>,
    /// What the next panic is really about.
    pub(super) really: Option<report::Kind>,
}

/// Stands where no execution runs.
struct Nobody;

impl Scheduler for Nobody {
    fn choose(&mut self, choice: &Choice) -> usize {
        choice.ready.first().or(choice.timed.first()).copied().unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        255
    }
}

/// Processors that a program sees unless its check says otherwise: enough for whoever takes no more
/// threads than there are.
const PROCESSORS: usize = 8;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new(0, Box::new(Nobody), Recorded::Nothing));
}

impl World {
    fn new(execution: u64, scheduler: Box<dyn Scheduler>, recorded: Recorded) -> World {
        World {
            execution,
            running: false,
            recording: recorded != Recorded::Nothing,
            moments: (recorded == Recorded::Moments).then(Box::default),
            spurious: false,
            hurried: false,
            scheduler,
            schedule: Steps::default(),
            choice: false,
            steps: 0,
            clock: Duration::ZERO,
            most_steps: super::execution::STEPS,
            processors: PROCESSORS,
            barriers: 0,
            tasks: Vec::new(),
            current: 0,
            next: None,
            end: None,
            ready: Vec::new(),
            blocked: Vec::new(),
            timed: Vec::new(),
            made: Vec::new(),
            numbers: HashMap::new(),
            events: Vec::new(),
            panics: Vec::new(),
            really: None,
        }
    }

    /// Begins an execution.
    pub(super) fn begin(scheduler: Box<dyn Scheduler>, recorded: Recorded) {
        WORLD.with(|world| {
            let mut world = world.borrow_mut();
            *world = World::new(world.execution + 1, scheduler, recorded);
            world.running = true;
        });
    }

    /// Ends the execution that runs, and hands out what is known about it.
    pub(super) fn finish() -> World {
        WORLD.with(|world| {
            let mut world = world.borrow_mut();
            let none = World::new(world.execution, Box::new(Nobody), Recorded::Nothing);
            let mut ended = std::mem::replace(&mut *world, none);
            // What threads have for themselves and did not come to drop goes with their stacks.
            let locals = ended.tasks.iter_mut().map(|task| std::mem::take(&mut task.locals));
            locals.for_each(std::mem::forget);
            ended
        })
    }

    /// The running thread.
    pub(super) fn task(&mut self) -> &mut Task {
        &mut self.tasks[self.current]
    }

    /// Whether something may happen here without a reason, if chance says so.
    pub(super) fn may_be_spurious(&mut self) -> bool {
        // In another execution it may.
        self.choice = true;
        self.spurious
    }

    /// What chance decides: 255 for what is usual.
    pub(super) fn byte(&mut self) -> u8 {
        let byte = self.scheduler.byte();
        // The first two say only what may happen in this execution.
        self.choice |= self.schedule.chances.len() >= 2;
        self.schedule.chances.push(byte);
        byte
    }
}

/// The panics of this execution, for a signal handler; `None` if there is no execution, or if this
/// is just being changed.
pub(crate) fn panics_so_far() -> Option<Vec<report::Panicked>> {
    WORLD.with(|world| {
        let world = world.try_borrow().ok()?;
        let told = |panic: &Panic| report::Panicked {
            thread: name(&world.tasks[panic.task], panic.task),
            message: panic.message.clone(),
            place: panic.place.clone(),
        };
        world.running.then(|| world.panics.iter().map(told).collect())
    })
}

/// Whether an execution runs.
pub(super) fn is_running() -> bool {
    WORLD.try_with(|world| world.try_borrow().is_ok_and(|world| world.running)).unwrap_or(false)
}

pub(super) fn with<T>(f: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with(|world| f(&mut world.borrow_mut()))
}

/// The number of the running thread.
pub(super) fn me() -> usize {
    with(|world| world.current)
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
        Tag::at(kind, Location::caller())
    }

    pub(super) const fn at(kind: &'static str, at: At) -> Tag {
        Tag { kind, at, known: Cell::new((0, 0)) }
    }

    /// Its number in the last execution, if it was used there.
    pub(super) fn known(&self) -> Option<usize> {
        let (execution, number) = self.known.get();
        with(|world| execution == world.execution).then_some(number)
    }

    /// Its number in this execution, and whether it is left from an earlier one.
    pub(super) fn number(&self, used: At) -> (usize, bool) {
        with(|world| {
            let (execution, number) = self.known.get();
            let address = std::ptr::from_ref(self).addr();
            if execution == world.execution {
                world.made[number].address = address;
                return (number, false);
            }
            assert!(world.running, "{OUTSIDE}");
            let Tag { kind, at, .. } = *self;
            world.made.push(Made { kind, at, used: Some(used), address, meets: 0 });
            let number = world.made.len() - 1;
            self.known.set((world.execution, number));
            (number, execution != 0)
        })
    }
}

/// Notes how many threads a barrier, which has this number, lets wait for each other.
pub(super) fn meet(number: usize, threads: usize) {
    with(|world| world.made[number].meets = threads);
}

/// What is said of a use that the explorer does not see.
pub(super) const OUTSIDE: &str =
    "something of std::sync is used when the check is over, or outside of its threads";

/// The number of an atomic, which has no room for a [`Tag`].
pub(super) fn number_of(address: usize, used: At) -> usize {
    with(|world| {
        let next = world.made.len();
        let number = *world.numbers.entry(address).or_insert(next);
        if number == next {
            let (kind, at) = ("atomic", used);
            world.made.push(Made { kind, at, used: Some(used), address, meets: 0 });
        }
        number
    })
}

impl World {
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
            if task.killed || task.unwinding > 0 {
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

    /// A thread has been scheduled.
    pub(super) fn runs(&mut self, number: usize) {
        if self.recording
            && let Some(event) = self.tasks[number].about_to.take()
        {
            self.events.push(event);
        }
    }

    /// The running thread is about to block.
    pub(super) fn wants(&mut self, verb: &'static str, of: report::Obstacle, at: At) {
        let task = self.task();
        task.at = Some(at);
        task.wants = Some(Want { verb, of, at });
    }

    /// The running thread goes on.
    pub(super) fn goes_on(&mut self) {
        self.task().wants = None;
    }

    /// How a thread stands, as the report shows it.
    pub(super) fn thread(&self, number: usize) -> report::Thread {
        let task = &self.tasks[number];
        let blocked = task.wants.as_ref().filter(|_| !task.ended);
        report::Thread {
            name: name(task, number),
            blocked: blocked.map(|w| (w.verb.to_owned(), w.of.clone(), w.at.into())),
            holds: task.holds.iter().map(|(held, at)| (*held, (*at).into())).collect(),
            at: task.at.map(Into::into),
            ended: task.ended,
        }
    }

    /// How many events there have been.
    pub(super) fn events_so_far(&self) -> usize {
        self.events.len()
    }

    /// The threads and what they block on, as the report shows them.
    pub(super) fn picture(
        &self,
    ) -> (Vec<report::Thread>, Vec<report::Resource>, Vec<report::Event>) {
        let threads = (0..self.tasks.len()).map(|number| self.thread(number)).collect();
        let resources = self.made.iter().map(|made| {
            let siblings = || self.made.iter().filter(|m| std::ptr::eq(m.at, made.at));
            report::Resource {
                kind: made.kind.to_owned(),
                made: made.at.into(),
                used: made.used.map(Into::into).unwrap_or_default(),
                rank: siblings().filter(|m| m.address < made.address).count(),
                siblings: siblings().count(),
                meets: made.meets,
            }
        });
        (threads, resources.collect(), self.events.clone())
    }
}

/// Notes an action of the running thread. The words are made only if somebody will read them.
#[inline]
pub(super) fn act(resource: Option<usize>, at: At, what: impl FnOnce() -> String) {
    let recording = with(|world| {
        world.task().at = Some(at);
        world.recording
    });
    if recording {
        noted(resource, at, what());
    }
}

#[cold]
fn noted(resource: Option<usize>, at: At, what: String) {
    with(|world| world.note(world.current, what, resource, at.into()));
}

/// Notes what the running thread does when it is scheduled next. Others may run before.
pub(super) fn about_to(resource: usize, at: At, what: &str) {
    with(|world| {
        let (recording, thread) = (world.recording, world.current);
        let task = world.task();
        task.at = Some(at);
        task.about_to = recording.then(|| report::Event {
            thread,
            what: what.to_owned(),
            resource: Some(resource),
            place: at.into(),
        });
    });
}

/// The running thread is about to unlock something. Where, a guard does not know when it is dropped;
/// who follows every step finds it on the stack.
pub(super) fn about_to_unlock(resource: usize) {
    if with(|world| world.moments.is_some()) {
        let place = innermost();
        with(|world| world.task().unlocks = Some((resource, place)));
    }
}

/// Notes that the running thread has unlocked something.
pub(super) fn unlocks(resource: usize) {
    with(|world| {
        let place = world.task().unlocks.take().and_then(|(_, place)| place);
        if world.recording {
            let what = "unlocks {}".to_owned();
            world.note(world.current, what, Some(resource), place.unwrap_or_default());
        }
    });
}

/// Whether the running thread unwinds.
pub(super) fn unwinding() -> bool {
    is_running() && with(|world| world.task().unwinding > 0)
}

/// The running thread holds a lock from now on.
pub(super) fn acquired(resource: usize, at: At) {
    with(|world| world.task().holds.push((resource, at)));
}

/// The running thread, or whoever has it, has given a lock back.
pub(super) fn released(resource: usize) {
    with(|world| {
        let me = world.current;
        let holds = |task: &Task| task.holds.iter().rposition(|(held, _)| *held == resource);
        let holder = holds(&world.tasks[me]).map(|_| me);
        let holder = holder.or_else(|| world.tasks.iter().position(|task| holds(task).is_some()));
        if let Some(holder) = holder
            && let Some(index) = holds(&world.tasks[holder])
        {
            world.tasks[holder].holds.remove(index);
        }
    });
}

/// Whether the running thread holds this lock.
pub(super) fn holds(resource: usize) -> bool {
    with(|world| world.task().holds.iter().any(|(held, _)| *held == resource))
}

/// What a thread is called in a report, where no two have the same name.
pub(super) fn name(task: &Task, number: usize) -> String {
    match (&task.name, number) {
        (Some(name), _) if task.namesakes > 0 => format!("{name} ({})", task.namesakes + 1),
        (Some(name), _) => name.to_string(),
        (None, 0) => "main".to_owned(),
        (None, number) => format!("thread {number}"),
    }
}
