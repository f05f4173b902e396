//! One execution: threads that are coroutines of one thread of the operating system, and a scheduler
//! that is asked at every step which of them runs.
//!
//! A thread gives way only at a [`point`], before it does something that others can see, and where it
//! [`block`]s. An execution that has failed is abandoned: the stacks of its threads are given up
//! without being unwound, as the threads of a process are when it ends.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::scheduler::{Choice, Scheduler};
use super::time;
use super::trace::{At, Recorded, World, with};
use crate::report::Obstacle;

/// Steps of one execution, after which it is held to run for ever, unless it says otherwise.
pub(super) const STEPS: u64 = 20_000;

/// The stack of a thread, in bytes: as in std.
pub(super) const STACK: usize = 2 * 1024 * 1024;

/// Threads of one execution that have not ended, after which no more can be started.
const THREADS: usize = 2048;

/// So many threads are no longer started one after the other without letting others run.
const CROWD: usize = 640;

/// How often a thread gives way in vain before it does so in truth, in executions that ignore it.
const HURRY: u32 = 32;

/// How long a thread may be held up by the machine while time passes for others: a limit that is not
/// farther off may be over before somebody else has made a step. A farther one passes only when
/// nobody can run.
const DELAY: Duration = Duration::from_secs(60);

/// Whether a limit that is farther off passes at all.
pub(super) static PATIENT: AtomicBool = AtomicBool::new(true);

pub(super) type Body = Box<dyn FnOnce()>;
type Thread = Coroutine<(), (), (), DefaultStack>;

/// What a thread of the explored program is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Ready,
    /// Until somebody unblocks it.
    Blocked,
    /// Until then, or until somebody unblocks it before.
    Timed(Duration),
    Ended,
}

/// The coroutine of a thread.
#[derive(Default)]
pub(super) struct Fiber {
    coroutine: Option<Thread>,
    yielder: Option<*const Yielder<(), ()>>,
}

/// What a thread waits for: the number of a resource or of a thread, and in which part.
pub(super) type Key = (usize, Part);

/// In which part somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// For a lock, a notification, a message: what most wait for.
    Taking,
    /// For room, or for a message to be taken.
    Giving,
    /// For the end of a thread.
    End,
    /// To be unparked.
    Token,
    /// For what never comes.
    Never,
}

/// How an execution has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All threads have ended.
    Done,
    /// The first thread has panicked.
    Panicked,
    /// None of the threads that are left can go on.
    Deadlock,
    /// All steps were used up.
    Endless,
    /// The scheduler wants to see no more of it.
    Stopped,
}

/// Runs `body` as the first thread of an execution.
pub(super) fn run(body: Body, scheduler: Box<dyn Scheduler>, recorded: Recorded) -> (End, World) {
    World::begin(scheduler, recorded);
    let spurious = chance(128);
    let hurried = chance(128);
    with(|world| {
        world.spurious = spurious;
        world.hurried = hurried;
        if let Some(moments) = &mut world.moments {
            moments.begin();
        }
    });
    start(body, STACK).expect("memory for a stack");
    let end = loop {
        let next = with(|world| match world.end {
            Some(end) => Err(end),
            None => world.next.ok_or(match world.tasks.iter().all(|it| it.state == State::Ended) {
                true => End::Done,
                false => End::Deadlock,
            }),
        });
        let next = match next {
            Ok(next) => next,
            Err(end) => break end,
        };
        let taken = with(|world| {
            world.current = next;
            world.tasks[next].fiber.coroutine.take()
        });
        let Some(mut coroutine) = taken else { break End::Deadlock };
        match coroutine.resume(()) {
            CoroutineResult::Yield(()) => {
                with(|world| world.tasks[next].fiber.coroutine = Some(coroutine));
            }
            CoroutineResult::Return(()) => {
                give_back(coroutine.into_stack());
                with(|world| world.ended(next));
            }
        }
    };
    let mut world = World::finish();
    world.end.get_or_insert(end);
    world.last_moment();
    for task in &mut world.tasks {
        if let Some(mut coroutine) = task.fiber.coroutine.take() {
            // SAFETY: what is on the stack of this thread is given up: nothing runs it any more, and
            // what it borrows from other stacks is given up with these.
            unsafe { coroutine.force_reset() };
            give_back(coroutine.into_stack());
        }
    }
    (end, world)
}

thread_local! {
    /// Stacks of the usual size that can be used again.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a stack for the next thread, if it is of the usual size.
fn give_back(stack: DefaultStack) {
    if stack.base().get() - stack.limit().get() <= STACK + PAGES {
        STACKS.with_borrow_mut(|stacks| stacks.push(stack));
    }
}

/// By how much a stack may be larger than was asked for.
const PAGES: usize = 128 * 1024;

/// How many threads have not ended.
fn living() -> usize {
    with(|world| world.ready.len() + world.blocked.len())
}

/// Lets others run before a thread is started where there are very many, so that those that have nothing
/// left to do but to end do so. A machine, too, gives each its turn.
pub(super) fn make_room(at: At) {
    for _ in 0..THREADS {
        if living() < CROWD || with(|world| world.ready.len()) < 2 {
            return;
        }
        really_give_way(at);
    }
}

/// Makes a thread that can run from now on; its number.
pub(super) fn start(body: Body, size: usize) -> std::io::Result<usize> {
    if living() >= THREADS {
        return Err(std::io::Error::from_raw_os_error(libc::EAGAIN));
    }
    let kept = if size <= STACK { STACKS.with_borrow_mut(Vec::pop) } else { None };
    let stack = match kept {
        Some(kept) => kept,
        None => DefaultStack::new(size.max(STACK))?,
    };
    let number = with(|world| world.add());
    let coroutine = Thread::with_stack(stack, move |yielder, ()| {
        with(|world| world.tasks[number].fiber.yielder = Some(std::ptr::from_ref(yielder)));
        body();
    });
    with(|world| world.tasks[number].fiber.coroutine = Some(coroutine));
    Ok(number)
}

/// Gives control back to [`run`], until it is given to this thread again.
fn suspend() {
    let yielder = with(|world| world.tasks[world.current].fiber.yielder);
    let yielder = yielder.expect("a thread of an execution");
    // SAFETY: the yielder lives as long as the coroutine runs, and this is the coroutine.
    unsafe { (*yielder).suspend(()) };
}

/// The running thread is about to do something that others can see: they may run before.
#[inline]
pub(super) fn point(at: At) {
    if with(|world| world.step(at, false)) {
        suspend();
    }
}

/// The running thread gives way. Many such steps in a row are one, and in every second execution
/// they are passed over, so that nobody can keep apart in time what has to be tried together.
pub(super) fn give_way(at: At) {
    let switches = with(|world| {
        world.meet(at);
        let hurried = world.hurried;
        let task = world.task();
        task.in_a_row += 1;
        task.hurry += 1;
        let passed_over = hurried && task.hurry < HURRY;
        if passed_over || task.in_a_row > 2 && !task.in_a_row.is_multiple_of(HURRY) {
            return false;
        }
        world.step(at, true)
    });
    if switches {
        suspend();
    }
}

/// The running thread gives way, in every execution and every time.
pub(super) fn really_give_way(at: At) {
    if with(|world| world.step(at, true)) {
        suspend();
    }
}

/// The running thread waits until somebody calls [`unblock`] for it.
pub(super) fn block(key: Key, verb: &'static str, of: Obstacle, at: At) {
    with(|world| world.block(key, State::Blocked, verb, of, at));
    suspend();
    with(|world| world.goes_on());
}

/// The running thread sleeps, which is a way to give way: in every second execution it is passed over,
/// as time in which nobody else gets anywhere.
pub(super) fn sleep(limit: Duration, at: At) {
    let passed_over = with(|world| {
        let hurried = world.hurried && limit <= DELAY;
        let task = world.task();
        task.hurry += 1;
        let passed_over = hurried && task.hurry < HURRY;
        if passed_over {
            world.clock += limit;
        }
        passed_over
    });
    if !passed_over {
        block_for(limit, (0, Part::Never), "sleeping", Obstacle::Unnamed, at);
    }
}

/// As [`block`], but not for ever, unless there is no instant when the time is up; whether somebody
/// called [`unblock`] before.
pub(super) fn block_for(
    limit: Duration,
    key: Key,
    verb: &'static str,
    of: Obstacle,
    at: At,
) -> bool {
    with(|world| {
        let state = time::passed_at(world.clock, limit).map_or(State::Blocked, State::Timed);
        world.block(key, state, verb, of, at);
    });
    suspend();
    with(|world| {
        world.goes_on();
        !std::mem::take(&mut world.task().timed_out)
    })
}

/// The running thread waits for what never comes.
pub(super) fn block_for_ever(verb: &'static str, of: Obstacle, at: At) -> ! {
    loop {
        block((0, Part::Never), verb, of.clone(), at);
    }
}

/// All that wait for this may go on.
pub(super) fn unblock_all(key: Key) {
    with(|world| {
        for number in world.waiting(key) {
            world.unblock(number);
        }
    });
}

/// One of those that wait for this may go on; whether there is one.
pub(super) fn unblock_one(key: Key) -> bool {
    let waiting = with(|world| world.waiting(key));
    let Some(last) = waiting.len().checked_sub(1) else { return false };
    let which = if last == 0 { 0 } else { usize::from(byte(waiting.len())) % waiting.len() };
    with(|world| world.unblock(waiting[which]));
    true
}

/// Ends the execution.
pub(super) fn give_up(end: End) -> ! {
    with(|world| world.end = Some(end));
    loop {
        suspend();
    }
}

/// What chance decides, among so many, or whether something happens at all.
pub(super) fn byte(among: usize) -> u8 {
    with(|world| {
        if let Some(moments) = &mut world.moments {
            moments.ask(among);
        }
        world.byte()
    })
}

/// Whether something happens that the standard allows but nobody asked for: with a probability of
/// `of_256` in 256.
pub(super) fn chance(of_256: u8) -> bool {
    byte(0) < of_256
}

impl World {
    /// A new thread that is ready.
    fn add(&mut self) -> usize {
        let number = self.tasks.len();
        self.tasks.push(Default::default());
        self.ready.push(number);
        if number == 0 {
            self.next = Some(0);
        }
        number
    }

    /// Where the running thread is.
    fn meet(&mut self, at: At) {
        let task = self.task();
        task.at = Some(task.drops.unwrap_or(at));
    }

    /// A step of the running thread; whether another one runs next.
    fn step(&mut self, at: At, yields: bool) -> bool {
        self.meet(at);
        if !yields {
            self.task().in_a_row = 0;
        }
        self.steps += 1;
        if self.steps > self.most_steps {
            self.end = Some(End::Endless);
            return true;
        }
        self.choose(Some(at), yields);
        self.next != Some(self.current)
    }

    /// Whose time may be up now: soon, or, if nobody can run and nobody's is up soon, next of all.
    pub(super) fn due(&self) -> Vec<usize> {
        let end = |number: usize| match self.tasks[number].state {
            State::Timed(end) => end,
            _ => Duration::MAX,
        };
        let soon = self.clock.saturating_add(DELAY);
        let timed = || self.timed.iter().copied();
        let due: Vec<usize> = timed().filter(|number| end(*number) <= soon).collect();
        if !due.is_empty() || !self.ready.is_empty() || !PATIENT.load(Relaxed) {
            return due;
        }
        let next = timed().map(end).min();
        timed().filter(|number| Some(end(*number)) == next).collect()
    }

    /// Asks the scheduler who runs next.
    fn choose(&mut self, at: Option<At>, yields: bool) {
        self.moment();
        let timed = self.due();
        if self.ready.is_empty() && timed.is_empty() {
            self.next = None;
            return;
        }
        let alone = self.ready.len() + timed.len() == 1;
        self.choice |= !alone;
        let current = Some(self.current);
        let choice = Choice { ready: &self.ready, timed: &timed, current, yields, at };
        if self.scheduler.stops(&choice) {
            self.end = Some(End::Stopped);
            self.next = None;
            return;
        }
        let next = self.scheduler.choose(&choice);
        self.schedule.push(next);
        if self.next != Some(next) {
            self.tasks[next].hurry = 0;
        }
        self.next = Some(next);
        self.tasks[next].steps += 1;
        if let State::Timed(end) = self.tasks[next].state {
            self.clock = self.clock.max(end);
            self.tasks[next].timed_out = true;
            self.unblock(next);
        }
        self.runs(next);
    }

    fn block(&mut self, key: Key, state: State, verb: &'static str, of: Obstacle, at: At) {
        let me = self.current;
        self.wants(verb, of, at);
        let task = &mut self.tasks[me];
        task.state = state;
        task.key = Some(key);
        task.timed_out = false;
        task.in_a_row = 0;
        self.ready.retain(|number| *number != me);
        let place = self.blocked.partition_point(|other| *other < me);
        self.blocked.insert(place, me);
        if state != State::Blocked {
            self.timed.push(me);
        }
        self.steps += 1;
        if self.steps > self.most_steps {
            self.end = Some(End::Endless);
            return;
        }
        self.choose(None, false);
    }

    /// Whoever waits for this, in the order of their numbers.
    fn waiting(&self, key: Key) -> Vec<usize> {
        let waits = |number: &usize| self.tasks[*number].key == Some(key);
        self.blocked.iter().copied().filter(waits).collect()
    }

    fn unblock(&mut self, number: usize) {
        let task = &mut self.tasks[number];
        task.key = None;
        task.state = State::Ready;
        self.timed.retain(|other| *other != number);
        self.blocked.retain(|other| *other != number);
        let place = self.ready.partition_point(|other| *other < number);
        if self.ready.get(place) != Some(&number) {
            self.ready.insert(place, number);
        }
    }

    /// A thread has ended.
    fn ended(&mut self, number: usize) {
        self.tasks[number].state = State::Ended;
        self.ready.retain(|other| *other != number);
        self.choose(None, false);
    }
}
