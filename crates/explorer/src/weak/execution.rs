//! One execution: threads as coroutines, which one goes on at each atomic operation, and what it
//! chooses. The choices are a path; the next execution takes another one.

use std::any::Any;
use std::cell::Cell;
use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::hash::mix;
use super::memory::{Change, Done, Memory, Order, THREADS, View};
use super::places;
use super::program::program;
use super::shadow::{Access, AccessKind, Clash};
use super::undo::Before;
use crate::report::{Kind, Place};

/// Operations of one execution, after which it is held to run for ever.
const STEPS: u32 = 20_000;

/// How often a thread that spins may look again though nothing has changed, when no other thread can
/// run.
const ALONE: u32 = 400;

/// Operations in a row that change nothing and learn nothing, after which a thread is held to spin
/// though it does not say so.
const SILENT: u32 = 8;

/// The choices of an execution: of how many possibilities which.
#[derive(Clone, Debug, Default)]
pub struct Path {
    choices: Vec<(u32, u32)>,
    next: usize,
}

impl Path {
    /// A path that begins with these choices.
    pub fn of(choices: &[u32]) -> Path {
        let choices = choices.iter().map(|choice| (*choice, u32::MAX)).collect();
        Path { choices, next: 0 }
    }

    /// The choices that were made.
    pub fn choices(&self) -> Vec<u32> {
        self.choices[..self.next].iter().map(|(choice, _)| *choice).collect()
    }

    fn choose(&mut self, of: usize) -> usize {
        let of = of as u32;
        if of <= 1 {
            return 0;
        }
        if self.next == self.choices.len() {
            self.choices.push((0, of));
        }
        let (choice, _) = self.choices[self.next];
        self.next += 1;
        choice.min(of - 1) as usize
    }

    fn known(&self) -> bool {
        self.next < self.choices.len()
    }

    /// Goes to the next path. Returns whether there is one.
    pub fn advance(&mut self) -> bool {
        self.choices.truncate(self.next);
        self.next = 0;
        while let Some((choice, of)) = self.choices.pop() {
            if choice + 1 < of {
                self.choices.push((choice + 1, of));
                return true;
            }
        }
        false
    }
}

/// Something that a thread did, for who reads about it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who.
    pub thread: usize,
    /// Which of its steps; 0 for what is not one.
    pub step: u32,
    /// What.
    pub what: What,
    /// From which instructions, the innermost first.
    pub stack: Vec<usize>,
}

/// What a thread did.
#[derive(Clone, Debug)]
pub enum What {
    /// An atomic operation at this address, with this name and ordering.
    Atomic(&'static str, usize, Order, Done),
    /// A fence.
    Fence(Order),
    /// A plain access.
    Plain,
    /// Something else, in words.
    Words(String),
}

/// Why an execution failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What kind of failure.
    pub kind: Kind,
    /// In words.
    pub message: String,
    /// The two accesses of a race.
    pub clash: Option<Clash>,
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ready,
    /// Until something that it has read changes.
    Spinning,
    /// Until another thread has made a step.
    Yielding(u64),
    /// The end of this thread.
    Joining(usize),
    /// For its token.
    Parked,
    Ended,
}

/// How often a weak compare-and-exchange fails for no reason, for one thread of one execution. So
/// whoever tries again gets on in the end, as on a machine.
const SPURIOUS: u32 = 3;

/// One thread.
struct Thread {
    status: Status,
    name: Option<&'static str>,
    coroutine: Option<Coroutine<(), (), (), DefaultStack>>,
    yielder: *const Yielder<(), ()>,
    /// All that it has read, as a number.
    history: u64,
    step: u32,
    /// What it has read since it last changed something or gave way: address and store.
    looked: Vec<(usize, usize)>,
    /// Operations in a row without anything new.
    idle: u32,
    /// How often it has looked again in vain.
    alone: u32,
    /// How often it has waited.
    waits: u32,
    /// How and where it has waited last.
    last_wait: Option<(&'static str, &'static Location<'static>)>,
    /// How often a compare-and-exchange of it has failed for no reason.
    spurious: u32,
    token: Option<View>,
    /// What has happened when its result was there.
    left: Option<View>,
    panicked: bool,
    detached: bool,
    /// The scope that it belongs to.
    scope: Option<usize>,
    /// What has happened when it had ended.
    end: Option<View>,
}

/// A value of `thread_local!`, which is dropped by its thread or not at all.
struct Local {
    thread: usize,
    key: usize,
    place: *const (),
    value: ManuallyDrop<Box<dyn Any>>,
}

/// The state of the execution that runs.
pub struct Execution {
    memory: Memory,
    threads: Vec<Thread>,
    current: usize,
    path: Path,
    visited: *mut HashSet<u64>,
    pruned: bool,
    failed: Option<Failed>,
    /// What happened, if that is asked for.
    record: Option<Vec<Event>>,
    steps: u32,
    /// Steps of all threads that changed something.
    progress: u64,
    silent: u32,
    locals: Vec<Local>,
    stacks: Vec<Option<DefaultStack>>,
    /// What `std` keeps for each thread of the operating system, of which there is one here: each
    /// explored thread would have its own.
    own: Range<usize>,
}

thread_local! {
    static CURRENT: Cell<*mut Execution> = const { Cell::new(ptr::null_mut()) };
    static OUTSIDE: Cell<bool> = const { Cell::new(true) };
}

/// Whether the caller is code of a thread of an execution, and not of the explorer.
pub fn is_inside() -> bool {
    OUTSIDE.try_with(|outside| !outside.get()).unwrap_or(false)
}

/// Does something with the execution whose code calls; `None` if there is none. Meanwhile the code is
/// the explorer's.
pub fn with<R>(does: impl FnOnce(&mut Execution) -> R) -> Option<R> {
    if !is_inside() {
        return None;
    }
    OUTSIDE.set(true);
    // SAFETY: while code of an execution runs, the pointer is to it; it is set and cleared in
    // `run`. `OUTSIDE` keeps this from happening twice at a time.
    let result = does(unsafe { &mut *CURRENT.get() });
    OUTSIDE.set(false);
    Some(result)
}

/// What the explorer keeps from one execution to the next.
pub struct Kept {
    /// By the number of the thread, so that its addresses are always the same.
    stacks: Vec<Option<DefaultStack>>,
    /// The variables before the first one, if they are the explorer's to restore.
    before: Option<Before>,
    /// Where the variables of the thread are that runs them.
    own: Range<usize>,
}

impl Kept {
    /// Before the first execution.
    pub fn new() -> Kept {
        super::heap::begin();
        Kept { stacks: Vec::new(), before: Before::look(), own: program().of_thread }
    }
}

/// How an execution ended.
pub struct Outcome {
    /// The choices that were made.
    pub path: Path,
    /// Why it failed.
    pub failed: Option<Failed>,
    /// Whether it was given up because it had come to where another one had been.
    pub pruned: bool,
    /// What happened, if that was asked for.
    pub record: Vec<Event>,
    /// The names of the threads, and whether they have ended.
    pub threads: Vec<(String, bool)>,
}

/// The largest stack that a thread of std has, unless it is asked for another.
const STACK: usize = 2 << 20;

/// Runs `body` on this path.
pub fn run(
    body: fn(),
    path: Path,
    visited: Option<&mut HashSet<u64>>,
    record: bool,
    kept: &mut Kept,
) -> Outcome {
    super::heap::begin();
    let mut execution = Execution {
        memory: Memory::default(),
        threads: Vec::new(),
        current: 0,
        path,
        visited: visited.map_or(ptr::null_mut(), ptr::from_mut),
        pruned: false,
        failed: None,
        record: record.then(Vec::new),
        steps: 0,
        progress: 0,
        silent: 0,
        locals: Vec::new(),
        stacks: std::mem::take(&mut kept.stacks),
        own: kept.own.clone(),
    };
    execution.add(None, Box::new(body));
    let execution = Box::into_raw(Box::new(execution));
    CURRENT.set(execution);
    loop {
        // SAFETY: only the coroutine that runs uses the execution besides, and none runs now.
        let state = unsafe { &mut *execution };
        let thread = state.current;
        // It is taken out, so that threads may be added while it runs.
        let Some(mut coroutine) = state.threads[thread].coroutine.take() else { break };
        OUTSIDE.set(false);
        let result = coroutine.resume(());
        OUTSIDE.set(true);
        // SAFETY: as above.
        let state = unsafe { &mut *execution };
        match result {
            CoroutineResult::Yield(()) => state.threads[thread].coroutine = Some(coroutine),
            CoroutineResult::Return(()) => state.stacks[thread] = Some(coroutine.into_stack()),
        }
        if state.failed.is_some() || state.pruned {
            break;
        }
    }
    CURRENT.set(ptr::null_mut());
    // SAFETY: it was made above, and nobody has it any more.
    let mut execution = *unsafe { Box::from_raw(execution) };
    let mut threads = Vec::new();
    for number in 0..execution.threads.len() {
        let name = execution.name(number);
        let thread = &mut execution.threads[number];
        threads.push((name, thread.status == Status::Ended));
        let Some(mut coroutine) = thread.coroutine.take() else { continue };
        // SAFETY: what is on the stack is forgotten: its memory is the arena's, which is begun anew,
        // and nothing outside refers to it.
        unsafe { coroutine.force_reset() };
        execution.stacks[number] = Some(coroutine.into_stack());
    }
    if let Some(before) = &kept.before {
        before.restore();
    }
    kept.stacks = execution.stacks;
    Outcome {
        path: execution.path,
        failed: execution.failed,
        pruned: execution.pruned,
        record: execution.record.unwrap_or_default(),
        threads,
    }
}

/// An atomic operation that compiled code asks for.
pub enum Operation<'a> {
    /// A load.
    Load,
    /// A store of this value.
    Store(u64),
    /// A read-modify-write, with the ordering it has if it changes nothing.
    Update(Change<'a>, Order),
    /// The same, which may also fail for no reason.
    Weak(Change<'a>, Order),
}

/// Makes an atomic operation of the thread that runs, when it is its turn. Returns what was read;
/// `None` outside of executions.
pub fn atomic(
    name: &'static str,
    address: usize,
    size: usize,
    operation: Operation<'_>,
    order: Order,
) -> Option<u64> {
    made(name, address, size, operation, order).map(|done| done.value)
}

/// As [`atomic`], for a weak compare-and-exchange with its ordering if it succeeds and if it fails:
/// what was read, as an error if nothing was stored.
pub fn exchange_weak(
    (address, size): (usize, usize),
    (expected, new): (u64, u64),
    (success, failure): (Order, Order),
) -> Option<Result<u64, u64>> {
    let change = |old: u64| (old == expected).then_some(new);
    let operation = Operation::Weak(&change, failure);
    let done = made("compare_exchange_weak", address, size, operation, success)?;
    Some(if done.stored.is_some() { Ok(done.value) } else { Err(done.value) })
}

fn made(
    name: &'static str,
    address: usize,
    size: usize,
    operation: Operation<'_>,
    order: Order,
) -> Option<Done> {
    turn()?;
    with(|execution| execution.atomic(name, address, size, operation, order))?.or_else(stop)
}

/// Makes a fence. `None` outside of executions.
pub fn fence(order: Order) -> Option<()> {
    turn()?;
    with(|execution| {
        let (thread, step) = execution.step();
        execution.memory.fence((thread, step), order);
        execution.remember(mix(7, order as u64));
        execution.note(step, || What::Fence(order));
    })
}

/// A plain access by the thread that runs.
pub fn plain(address: usize, length: usize, kind: AccessKind) {
    let went = with(|execution| execution.plain(address, length, kind));
    if went == Some(false) {
        stop::<()>();
    }
}

/// Adds a thread that will do this. Returns its number.
pub fn spawn(name: Option<String>, body: Box<dyn FnOnce()>) -> usize {
    turn();
    let added = with(|execution| {
        if execution.threads.len() == THREADS {
            let most = THREADS - 1;
            execution.fail(Kind::Panic, format!("more than {most} threads beside the first"));
            return None;
        }
        let number = execution.add(name, body);
        let (_, step) = execution.step();
        execution.remember(mix(8, number as u64));
        execution.changed();
        let name = execution.name(number);
        execution.note(step, || What::Words(format!("starts {name}")));
        Some(number)
    });
    match added.expect("a thread is made while nothing is explored") {
        Some(number) => number,
        None => stop::<usize>().unwrap_or(0),
    }
}

/// Waits for the end of a thread. Returns whether it has panicked and nobody has heard of it.
#[track_caller]
pub fn join(thread: usize) -> bool {
    wait(Status::Joining(thread), ("joins", 9), |execution, me| {
        let end = execution.threads[thread].end.clone();
        execution.memory.meet(me, &end.unwrap_or_default());
        format!("joins {}", execution.name(thread))
    });
    with(|execution| std::mem::take(&mut execution.threads[thread].panicked)) == Some(true)
}

/// Waits for the token of the thread that runs, and takes it.
#[track_caller]
pub fn park() {
    wait(Status::Parked, ("parks", 10), |execution, me| {
        let token = execution.threads[me].token.take();
        execution.memory.meet(me, &token.unwrap_or_default());
        "is unparked".to_owned()
    });
}

#[track_caller]
fn wait(
    status: Status,
    (verb, code): (&'static str, u64),
    met: impl FnOnce(&mut Execution, usize) -> String,
) {
    let at = Location::caller();
    with(|execution| {
        let thread = &mut execution.threads[execution.current];
        thread.status = status;
        thread.waits += 1;
        thread.last_wait = Some((verb, at));
    });
    turn();
    with(|execution| {
        let (me, step) = execution.step();
        let words = met(execution, me);
        execution.remember(code);
        execution.changed();
        execution.note(step, || What::Words(words));
    });
}

/// Gives a thread its token.
pub fn unpark(thread: usize) {
    turn();
    with(|execution| {
        let (me, step) = execution.step();
        let view = execution.memory.publish(me);
        execution.threads[thread].token = Some(view);
        execution.threads[thread].history = mix(execution.threads[thread].history, 11);
        execution.changed();
        let name = execution.name(thread);
        execution.note(step, || What::Words(format!("unparks {name}")));
    });
}

/// The thread that runs says, by this verb, that it waits for others: it goes on when something has
/// changed that it has looked at.
#[track_caller]
pub fn spin(verb: &'static str) {
    let at = Location::caller();
    if with(|execution| execution.spin(Some((verb, at)))).is_some() {
        turn();
    }
}

/// The thread that runs is about to end, and has left its result. Returns whether nobody wants it.
pub fn leaves(panicked: bool) -> bool {
    let detached = with(|execution| {
        let view = execution.memory.publish(execution.current);
        let thread = &mut execution.threads[execution.current];
        thread.left = Some(view);
        thread.panicked = panicked;
        thread.detached
    });
    detached == Some(true)
}

/// Nobody will join the thread. Returns whether it has left its result already.
pub fn detach(thread: usize) -> bool {
    let left = with(|execution| {
        execution.threads[thread].detached = true;
        let left = execution.threads[thread].left.clone()?;
        execution.memory.meet(execution.current, &left);
        Some(())
    });
    left.flatten().is_some()
}

/// The thread is one of the scope at this address.
pub fn belongs(thread: usize, scope: usize) {
    with(|execution| execution.threads[thread].scope = Some(scope));
}

/// Waits for the end of all threads of the scope at this address. Returns whether one of them has
/// panicked that nobody has joined.
#[track_caller]
pub fn join_all(scope: usize) -> bool {
    let mut panicked = false;
    loop {
        let next = with(|execution| {
            execution.threads.iter().position(|thread| thread.scope == Some(scope))
        });
        let Some(Some(next)) = next else { return panicked };
        with(|execution| execution.threads[next].scope = None);
        panicked |= join(next);
    }
}

/// The value of the thread that runs under this key.
pub fn local(key: usize) -> Option<*const ()> {
    with(|execution| {
        let me = execution.current;
        let find = |it: &&Local| (it.thread, it.key) == (me, key);
        execution.locals.iter().find(find).map(|it| it.place)
    })
    .flatten()
}

/// Keeps a value of the thread that runs under this key.
pub fn put_local(key: usize, place: *const (), value: Box<dyn Any>) {
    let kept = Cell::new(Some(value));
    with(|execution| {
        let thread = execution.current;
        let value = kept.take().map(ManuallyDrop::new);
        execution.locals.extend(value.map(|value| Local { thread, key, place, value }));
    });
    std::mem::forget(kept.take());
}

/// Takes one of the values of a thread.
pub fn take_local(thread: usize) -> Option<Box<dyn Any>> {
    with(|execution| {
        let index = execution.locals.iter().position(|it| it.thread == thread)?;
        Some(ManuallyDrop::into_inner(execution.locals.swap_remove(index).value))
    })
    .flatten()
}

/// The number of the thread that runs.
pub fn me() -> Option<usize> {
    with(|execution| execution.current)
}

/// The name of a thread.
pub fn name_of(thread: usize) -> Option<&'static str> {
    with(|execution| execution.threads[thread].name).flatten()
}

/// Whether a thread has ended.
pub fn has_ended(thread: usize) -> bool {
    with(|execution| execution.threads[thread].status == Status::Ended).unwrap_or(true)
}

/// How many operations the thread that runs has made so far.
pub fn operations() -> u32 {
    with(|execution| execution.threads[execution.current].step).unwrap_or(0)
}

/// How often the thread that runs has waited so far.
pub fn waits() -> u32 {
    with(|execution| execution.threads[execution.current].waits).unwrap_or(0)
}

/// How and where the thread that runs has waited last.
pub fn last_wait() -> Option<String> {
    let (verb, at) = with(|execution| execution.threads[execution.current].last_wait)??;
    Some(format!("{verb} at {}", Place::from(at)))
}

/// How often threads have spun so far without saying so.
pub fn silent_spins() -> u32 {
    with(|execution| execution.silent).unwrap_or(0)
}

/// The name that the thread that runs has in reports.
pub fn running() -> Option<String> {
    with(|execution| execution.name(execution.current))
}

/// Whether what the thread does that runs is recorded; so it is where nothing is explored.
pub fn is_told() -> bool {
    with(|execution| execution.record.is_some()).unwrap_or(true)
}

/// Does something as code of the explorer, whose memory outlives the execution.
pub fn outside<R>(does: impl FnOnce() -> R) -> R {
    let before = OUTSIDE.replace(true);
    let result = does();
    OUTSIDE.set(before);
    result
}

/// The execution is over, for the reason that it says.
fn stop<R>() -> Option<R> {
    loop {
        let yielder = with(|execution| execution.threads[execution.current].yielder);
        OUTSIDE.set(true);
        // SAFETY: the yielder lives on the stack of this coroutine.
        unsafe { &*yielder? }.suspend(());
    }
}

/// Lets another thread run, if the execution so chooses. `None` outside of executions.
fn turn() -> Option<()> {
    let (next, me, yielder) = with(|execution| {
        let me = execution.current;
        let next = execution.choose_next();
        (next, me, execution.threads[me].yielder)
    })?;
    match next {
        Some(next) if next == me => {}
        _ => {
            OUTSIDE.set(true);
            // SAFETY: the yielder lives on the stack of this coroutine.
            unsafe { &*yielder }.suspend(());
            OUTSIDE.set(false);
        }
    }
    Some(())
}

/// What a coroutine does: the body, and the end of the thread.
fn live(number: usize, yielder: &Yielder<(), ()>, body: Box<dyn FnOnce()>) {
    with(|execution| {
        execution.threads[number].yielder = yielder;
        // Until now the thread was one that has not begun.
        execution.remember(18);
    });
    let result = catch_unwind(AssertUnwindSafe(body));
    if result.is_err() {
        // It is the first thread: those of others are caught where they were started.
        with(|execution| execution.fail(Kind::Panic, String::new()));
        stop::<()>();
    }
    super::local::drop_all(number);
    with(|execution| {
        let view = execution.memory.publish(number);
        let (_, step) = execution.step();
        execution.remember(12);
        execution.changed();
        execution.note(step, || What::Words("ends".to_owned()));
        execution.threads[number].end = Some(view);
        execution.threads[number].status = Status::Ended;
        execution.choose_next();
    });
    OUTSIDE.set(true);
}

impl Execution {
    fn add(&mut self, name: Option<String>, body: Box<dyn FnOnce()>) -> usize {
        let parent = (!self.threads.is_empty()).then_some(self.current);
        let number = self.memory.spawn(parent);
        if self.stacks.len() <= number {
            self.stacks.resize_with(number + 1, || None);
        }
        let kept = self.stacks[number].take();
        let stack = kept.unwrap_or_else(|| DefaultStack::new(STACK).expect("room for a stack"));
        let coroutine =
            Coroutine::with_stack(stack, move |yielder, ()| live(number, yielder, body));
        // Names are few and short, and threads hand them out for as long as anybody likes.
        let name = name.map(|name| &*name.clone().leak());
        self.threads.push(Thread {
            status: Status::Ready,
            name,
            coroutine: Some(coroutine),
            yielder: ptr::null(),
            history: number as u64,
            step: 0,
            looked: Vec::new(),
            idle: 0,
            alone: 0,
            waits: 0,
            last_wait: None,
            spurious: 0,
            token: None,
            left: None,
            panicked: false,
            detached: false,
            scope: None,
            end: None,
        });
        number
    }

    fn name(&self, thread: usize) -> String {
        let unnamed = if thread == 0 { "main".to_owned() } else { format!("thread {thread}") };
        self.threads[thread].name.map_or(unnamed, str::to_owned)
    }

    /// Counts a step of the thread that runs. Returns the thread and the number of the step.
    fn step(&mut self) -> (usize, u32) {
        self.steps += 1;
        self.progress += 1;
        if self.steps > STEPS && self.failed.is_none() {
            let what =
                format!("after {STEPS} steps the threads still run without getting anywhere");
            self.fail(Kind::Livelock, what);
        }
        let thread = &mut self.threads[self.current];
        thread.step += 1;
        (self.current, thread.step)
    }

    fn remember(&mut self, what: u64) {
        let thread = &mut self.threads[self.current];
        thread.history = mix(thread.history, what);
    }

    fn changed(&mut self) {
        let thread = &mut self.threads[self.current];
        thread.looked.clear();
        thread.idle = 0;
        thread.alone = 0;
    }

    fn note(&mut self, step: u32, what: impl FnOnce() -> What) {
        let thread = self.current;
        if let Some(record) = &mut self.record {
            record.push(Event { thread, step, what: what(), stack: places::stack() });
        }
    }

    fn fail(&mut self, kind: Kind, message: String) {
        self.failed.get_or_insert(Failed { kind, message, clash: None });
    }

    fn atomic(
        &mut self,
        name: &'static str,
        address: usize,
        size: usize,
        operation: Operation<'_>,
        order: Order,
    ) -> Option<Done> {
        // SAFETY: compiled code asks for an atomic operation on this address, so it is readable.
        let initial = unsafe { read(address, size) };
        if self.memory.last(address).is_some_and(|last| last != initial) {
            // Code that is not instrumented has written there.
            self.memory.overwrite(address, size);
        }
        let (me, step) = self.step();
        let mut access = Access {
            thread: me,
            address,
            length: size,
            kind: AccessKind::AtomicRead,
            epoch: self.memory.epoch(me),
            event: self.events(),
        };
        let known = self.memory.known(me, address);
        let may_fail = self.threads[me].spurious < SPURIOUS;
        let Execution { memory, path, .. } = self;
        let at = (address, size, initial);
        let choose = &mut |of| path.choose(of);
        let done = match operation {
            Operation::Load => memory.load((me, step), at, order, choose),
            Operation::Store(value) => memory.store((me, step), at, value, order, choose),
            Operation::Update(change, otherwise) => {
                memory.update((me, step), at, (order, otherwise), (change, false), choose)
            }
            Operation::Weak(change, otherwise) => {
                memory.update((me, step), at, (order, otherwise), (change, may_fail), choose)
            }
        };
        if done.stored.is_some() {
            access.kind = AccessKind::AtomicWrite;
            let last = self.memory.last(address).unwrap_or(initial);
            // SAFETY: as above, and writable, since compiled code stores there.
            unsafe { write(address, size, last) };
        }
        let from =
            done.from.map_or(0, |(thread, step)| (thread as u64 + 1) << 32 | u64::from(step));
        let sort = u64::from(done.stored.is_some())
            + 2 * u64::from(done.message.is_some())
            + 4 * u64::from(done.spurious);
        self.remember(mix(mix(address as u64, from), sort));
        let new_value = done.stored.is_some_and(|new| done.message.is_none() || new != done.value);
        if new_value {
            self.changed();
        } else if done.spurious {
            // What it has looked at is no reason to wait: next time it may succeed.
            self.threads[me].spurious += 1;
            self.threads[me].looked.clear();
        } else if let Some(message) = done.message {
            self.look(address, message, known == Some(message) || done.stored.is_some());
        }
        self.note(step, || What::Atomic(name, address, order, done));
        self.record_access(access);
        self.failed.is_none().then_some(done)
    }

    /// Notes that the thread that runs has read a store, and whether that was nothing new.
    fn look(&mut self, address: usize, message: usize, old: bool) {
        // What it has written back itself counts as looked at.
        let message = self.memory.known(self.current, address).unwrap_or(message);
        let thread = &mut self.threads[self.current];
        match thread.looked.iter_mut().find(|(at, _)| *at == address) {
            Some(looked) => looked.1 = message,
            None => thread.looked.push((address, message)),
        }
        thread.idle = if old { thread.idle + 1 } else { 0 };
        if thread.idle >= SILENT {
            self.spin(None);
        }
    }

    fn spin(&mut self, said: Option<(&'static str, &'static Location<'static>)>) {
        self.silent += u32::from(said.is_none());
        self.remember(13);
        let progress = self.progress;
        let thread = &mut self.threads[self.current];
        thread.waits += u32::from(said.is_some());
        thread.last_wait = said.or(thread.last_wait);
        thread.idle = 0;
        thread.status = match thread.looked.is_empty() {
            true => Status::Yielding(progress),
            false => Status::Spinning,
        };
        if thread.looked.is_empty() {
            // It only gives way: who does nothing else, for ever, is found by the limit of steps.
            self.steps += 1;
        }
    }

    /// What a thread that spins could see if it looked again.
    fn news(&self, thread: usize) -> Vec<(usize, Option<usize>)> {
        let looked = self.threads[thread].looked.iter();
        let news = looked.filter_map(|(address, message)| {
            Some((*address, self.memory.news(*address, *message)?))
        });
        news.collect()
    }

    fn can_go_on(&self, number: usize) -> bool {
        let thread = &self.threads[number];
        match thread.status {
            Status::Ready => true,
            Status::Ended => false,
            Status::Parked => thread.token.is_some(),
            Status::Joining(other) => self.threads[other].end.is_some(),
            Status::Yielding(progress) => self.progress > progress,
            Status::Spinning => !self.news(number).is_empty(),
        }
    }

    /// Chooses which thread goes on, and makes it the one that runs. `None` if the execution is over.
    fn choose_next(&mut self) -> Option<usize> {
        if self.failed.is_some() {
            return None;
        }
        let me = self.current;
        if self.threads[me].status == Status::Ready && std::thread::panicking() {
            return Some(me);
        }
        if !self.path.known() && self.has_been_here() {
            self.pruned = true;
            return None;
        }
        let mut able: Vec<usize> =
            (0..self.threads.len()).filter(|thread| self.can_go_on(*thread)).collect();
        if let Some(index) = able.iter().position(|thread| *thread == me) {
            able[..=index].rotate_right(1);
        }
        let next = match able.len() {
            0 => self.wake_in_vain()?,
            of => able[self.path.choose(of)],
        };
        if self.threads[next].status == Status::Spinning {
            self.wake(next);
        }
        self.threads[next].status = Status::Ready;
        self.current = next;
        Some(next)
    }

    fn has_been_here(&mut self) -> bool {
        // SAFETY: the set outlives the execution, and is used nowhere else meanwhile.
        let Some(visited) = (unsafe { self.visited.as_mut() }) else { return false };
        let mut state = self.memory.state();
        for thread in &self.threads {
            let waits = match thread.status {
                Status::Spinning => 1,
                Status::Yielding(progress) => 2 + u64::from(self.progress > progress),
                _ => 0,
            };
            state = mix(state, mix(thread.history, waits));
        }
        !visited.insert(state)
    }

    /// A thread that spins sees something new in one of the places where it looks.
    fn wake(&mut self, thread: usize) {
        let news = self.news(thread);
        if !news.is_empty() {
            let (address, message) = news[self.path.choose(news.len())];
            if let Some(message) = message {
                self.memory.catch_up(thread, address, message);
            }
            let history = self.threads[thread].history;
            self.threads[thread].history = mix(history, mix(14, address as u64));
        }
        self.threads[thread].looked.clear();
    }

    /// No thread can go on, unless one that spins looks again though nothing has changed: perhaps it
    /// gives up after a while.
    fn wake_in_vain(&mut self) -> Option<usize> {
        let gives_way =
            |thread: &Thread| matches!(thread.status, Status::Spinning | Status::Yielding(_));
        let spinning = (0..self.threads.len()).filter(|it| gives_way(&self.threads[*it]));
        let Some(next) = spinning.min_by_key(|it| self.threads[*it].alone) else {
            if self.threads.iter().any(|thread| thread.status != Status::Ended) {
                self.fail(Kind::Deadlock, self.who_waits());
            }
            return None;
        };
        let thread = &mut self.threads[next];
        thread.alone += 1;
        thread.looked.clear();
        thread.history = mix(thread.history, 15);
        if thread.alone > ALONE {
            let name = self.name(next);
            let what = format!("{name} spins for ever: nobody will change what it looks at");
            self.fail(Kind::Livelock, what);
            return None;
        }
        Some(next)
    }

    fn who_waits(&self) -> String {
        let mut text = "no thread can go on".to_owned();
        for (number, thread) in self.threads.iter().enumerate() {
            let name = self.name(number);
            match thread.status {
                Status::Joining(other) => {
                    text.push_str(&format!("\n{name} joins {}", self.name(other)));
                }
                Status::Parked => text.push_str(&format!("\n{name} is parked")),
                _ => {}
            }
        }
        text
    }

    fn events(&self) -> u32 {
        self.record.as_ref().map_or(0, |record| record.len() as u32)
    }

    fn plain(&mut self, address: usize, length: usize, kind: AccessKind) -> bool {
        if self.own.contains(&address) {
            return true;
        }
        let me = self.current;
        let event = self.events();
        if self.record.is_some() {
            self.note(0, || What::Plain);
        }
        if kind != AccessKind::Read {
            self.memory.overwrite(address, length);
        }
        let epoch = self.memory.epoch(me);
        let access = Access { thread: me, address, length, kind, epoch, event };
        self.record_access(access);
        self.failed.is_none()
    }

    fn record_access(&mut self, access: Access) {
        if let Err(clash) = self.memory.shadow_access(access.thread, access) {
            let (kind, message) = (Kind::Race, String::new());
            self.failed.get_or_insert(Failed { kind, message, clash: Some(clash) });
        }
    }
}

/// # Safety
/// So many bytes (1, 2, 4 or 8) at this address are readable.
pub unsafe fn read(address: usize, size: usize) -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: the caller promises it.
    unsafe { ptr::copy_nonoverlapping(address as *const u8, bytes.as_mut_ptr(), size) };
    u64::from_le_bytes(bytes)
}

/// # Safety
/// So many bytes (1, 2, 4 or 8) at this address are writable.
pub unsafe fn write(address: usize, size: usize, value: u64) {
    // SAFETY: the caller promises it.
    unsafe { ptr::copy_nonoverlapping(value.to_le_bytes().as_ptr(), address as *mut u8, size) };
}
