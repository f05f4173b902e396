//! Runs a check under thousands of schedules and finds the shortest one that fails.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::report::{Failure, Kind, Panicked, Place, Report};
use crate::{Search, output};
use schedule::{Follower, Record, Recorder, Steps};

mod schedule;
pub mod sync;
pub mod thread;
mod world;

pub use shuttle::thread_local;

/// Scheduling points of one execution, after which it is held to run for ever.
const STEPS: usize = 20_000;

/// The longest schedule that can be asked for again, in bytes.
const LONGEST_REPLAY: usize = 4000;

/// How long a shorter counter-example is looked for.
const SHORTENING: Duration = Duration::from_millis(150);

/// Whether something happens that the standard allows but nobody asked for: with a probability of
/// `of_256` in 256.
fn chance(of_256: u64) -> bool {
    use shuttle::rand::RngCore;
    shuttle::rand::thread_rng().next_u64() < of_256
}

/// Whether waits may end for no reason in this execution: in every second one, so that what such
/// wake-ups would repair is found as well.
fn waits_may_end() -> bool {
    world::with(|world| world.spurious)
}

fn block_for_ever() -> ! {
    use shuttle_engine::future::batch_semaphore::{BatchSemaphore, Fairness};
    loop {
        let _ = BatchSemaphore::new(0, Fairness::Unfair).acquire_blocking(1);
    }
}

/// A step of a spinning thread.
#[track_caller]
pub fn spin_loop() {
    thread::yield_now();
}

/// Lets the other threads run until each of them is blocked or has ended. A thread that does
/// neither spins, which is a failure of the kind `livelock`.
///
/// For checks that a thread really blocks where it should wait, instead of asking again and again.
/// A thread spins only if all that could run have run many times meanwhile, so no schedule makes
/// that of one that waits as it should.
#[track_caller]
pub fn until_others_block() {
    let me = world::me();
    let others = || {
        let numbers = 0..world::with(|world| world.tasks.len());
        numbers.filter(|number| *number != me && can_run(*number)).collect::<Vec<_>>()
    };
    let steps = |number: usize| world::with(|world| world.task(number).steps);
    for _ in 0..ROUNDS {
        let before: Vec<_> = others().into_iter().map(|number| (number, steps(number))).collect();
        if before.is_empty() {
            return;
        }
        // Each has had its turn, or has blocked.
        while before.iter().any(|(number, before)| steps(*number) == *before && can_run(*number)) {
            shuttle::thread::yield_now();
        }
    }
    if let Some(number) = others().first() {
        let name = world::with(|world| {
            world.really = Some(Kind::Livelock);
            world::name(world.task(*number), *number)
        });
        panic!("{name} spins: it keeps running where it should block");
    }
}

/// How often all other threads run before the one that still does is held to spin.
const ROUNDS: u32 = 200;

fn can_run(number: usize) -> bool {
    use shuttle_engine::runtime::execution::ExecutionState;
    // A thread that waits for a mutex counts as sleeping there, not as blocked.
    ExecutionState::with(|state| state.try_get(number.into()).is_some_and(|task| task.runnable()))
}

/// An execution that failed.
struct Found {
    steps: Steps,
    failure: Failure,
}

impl Found {
    /// Whether both are the same finding: of the same kind, at the same place.
    fn is_as(&self, other: &Found) -> bool {
        let (this, that) = (&self.failure, &other.failure);
        this.kind == that.kind && this.place == that.place
    }

    /// Whether all that happened is that the steps were used up.
    fn is_endless(&self) -> bool {
        self.failure.kind == Kind::Livelock && self.failure.place.is_none()
    }
}

/// What a series of executions came to.
struct Run {
    count: u64,
    choice: bool,
    found: Option<Found>,
}

/// Whether a schedule can be read.
pub fn is_schedule(text: &str) -> bool {
    Steps::from_text(text).is_some()
}

/// Runs `body` under as many schedules as the order says, or under the one that it names.
pub fn explore(body: fn(), search: &Search) -> Report {
    let quiet = output::Silence::new();
    prepare_hook();
    if let Some(steps) = search.replay.as_deref().and_then(Steps::from_text) {
        drop(quiet);
        let failure = follow(body, &steps, true).map(|found| told(found, &steps));
        return Report { schedules: 1, exhaustive: false, failure };
    }
    let mut report = Report::default();
    if search.exhaustive {
        let scheduler = DfsScheduler::new(Some(search.schedules as usize), true);
        let Run { count, found, .. } = run(body, scheduler, false);
        report.schedules += count;
        report.exhaustive = found.is_none() && count < search.schedules;
        if found.is_some() || report.exhaustive {
            return finish(body, report, found, search, quiet);
        }
    }
    let one = run(body, RandomScheduler::new_from_seed(search.seed, 1), false);
    if one.found.is_some() || !one.choice {
        report.schedules += one.count;
        report.exhaustive = one.found.is_none();
        return finish(body, report, one.found, search, quiet);
    }
    let share = (search.schedules / 2).max(1) as usize;
    for round in 0..3 {
        let Run { count, found, .. } = match round {
            0 => run(body, RandomScheduler::new_from_seed(search.seed, share), false),
            depth => {
                let share = (share / 2).max(1);
                let seed = search.seed.wrapping_add(depth);
                run(body, PctScheduler::new_from_seed(seed, depth as usize + 1, share), false)
            }
        };
        report.schedules += count;
        if found.is_some() {
            return finish(body, report, found, search, quiet);
        }
    }
    report
}

/// Looks for a shorter way to the same finding and tells how it goes.
fn finish(
    body: fn(),
    mut report: Report,
    found: Option<Found>,
    search: &Search,
    quiet: output::Silence,
) -> Report {
    let Some(mut best) = found else { return report };
    if best.failure.kind == Kind::Livelock {
        best = begin_only(body, best);
    } else {
        let end = Instant::now() + SHORTENING;
        let mut seed = search.seed;
        while Instant::now() < end - SHORTENING / 2 {
            seed = seed.wrapping_add(0x9e37_79b9);
            let more = run(body, RandomScheduler::new_from_seed(seed, 20), false);
            best = shorter(best, more.found);
        }
        best = shorten(body, best, end);
    }
    // What is printed under the schedule that is shown, is shown.
    drop(quiet);
    report.failure = Some(match follow(body, &best.steps, true) {
        Some(last) if last.is_as(&best) => told(last, &best.steps),
        // The submission does not do the same under the same schedule: it depends on something
        // outside, such as the time or an address.
        _ => {
            let mut failure = best.failure;
            failure.message.push_str("\n(the same schedule did not lead there a second time)");
            failure
        }
    });
    report
}

/// The failure, with the schedule that leads there, unless that is too long for a command line.
fn told(mut found: Found, steps: &Steps) -> Failure {
    let replay = steps.to_text();
    if found.is_endless() && steps.length().2 > STEPS as u64 / 2 {
        // No beginning was found after which a fair order leads nowhere as well.
        found.failure.message = "a thread runs on and on where it should block: as long as it is \
                                 not interrupted, nobody gets anywhere"
            .to_owned();
    }
    Failure { replay: (replay.len() <= LONGEST_REPLAY).then_some(replay), ..found.failure }
}

/// The shorter of the two, if both are the same finding.
fn shorter(best: Found, other: Option<Found>) -> Found {
    match other {
        Some(other) if other.is_as(&best) && other.steps.length() < best.steps.length() => other,
        _ => best,
    }
}

/// Leaves out one run of steps after the other, as long as the finding stays.
///
/// What is found so is as true as what the search finds: whatever is left out, a [`Follower`] runs
/// only threads that can run, so each schedule is one that a machine may choose, and in the end it
/// is fair, so nothing comes of a thread that is never let run.
fn shorten(body: fn(), mut best: Found, end: Instant) -> Found {
    let mut again = true;
    while again {
        again = false;
        let mut tries: Vec<Steps> = Vec::new();
        if best.steps.length().1 > 0 {
            tries.push(Steps { chances: Vec::new(), ..best.steps.clone() });
            for index in 0..best.steps.chances.len() {
                let mut fewer = best.steps.clone();
                if fewer.chances[index] < 255 {
                    fewer.chances[index] = 255;
                    tries.push(fewer);
                }
            }
        }
        for index in 0..best.steps.runs.len() {
            let mut fewer = best.steps.clone();
            fewer.runs.remove(index);
            tries.push(fewer);
        }
        for steps in tries {
            if Instant::now() > end {
                return best;
            }
            let before = best.steps.length();
            best = shorter(best, follow(body, &steps, false));
            if best.steps.length() < before {
                again = true;
                break;
            }
        }
    }
    best
}

/// For threads that run for ever, a short beginning of the schedule, after which they do so also in
/// a fair search. If there is none, the schedule as it was.
fn begin_only(body: fn(), found: Found) -> Found {
    let mut count = 1;
    while count < found.steps.runs.len() {
        let Steps { runs, chances } = &found.steps;
        let beginning = Steps { runs: runs[..count].to_vec(), chances: chances.clone() };
        // If all that happens is that no step is left, most of them must have been fair.
        if found.is_endless() && beginning.length().2 > STEPS as u64 / 2 {
            break;
        }
        match follow(body, &beginning, false) {
            Some(other) if other.is_as(&found) => return Found { steps: beginning, ..other },
            _ => count *= 2,
        }
    }
    found
}

/// Runs the one schedule; what it finds, if it fails.
fn follow(body: fn(), steps: &Steps, recording: bool) -> Option<Found> {
    run(body, Follower::new(steps.clone()), recording).found
}

/// Runs `body` as often as the scheduler says, or up to the first failure.
fn run(body: fn(), scheduler: impl Scheduler + 'static, recording: bool) -> Run {
    let record = Rc::new(RefCell::new(Record::default()));
    let recorder = Recorder { inner: scheduler, record: record.clone() };
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(STEPS);
    config.silence_warnings = true;
    config.stack_size = 256 * 1024;
    let runner = Runner::new(recorder, config);
    let result = catch_unwind(AssertUnwindSafe(|| runner.run(move || execute(body, recording))));
    let Record { executions, choice, between, steps } = record.take();
    let failed = result.err().filter(|_| !between);
    let found = failed.map(|payload| Found { steps, failure: diagnose(payload.as_ref()) });
    Run { count: executions, choice, found }
}

/// The panics of the execution that runs; `None` if there is none.
pub(crate) fn panics_so_far() -> Option<Vec<Panicked>> {
    world::panics_so_far()
}

/// One execution, as its first thread.
fn execute(body: fn(), recording: bool) {
    world::begin(recording);
    let spurious = chance(128);
    world::with(|world| {
        world.task(0);
        world.spurious = spurious;
    });
    body();
    let unseen = world::with(|world| {
        world.task(0).ended = true;
        let mut tasks = world.tasks.iter_mut();
        tasks.find_map(|task| task.panic.take())
    });
    if let Some(panic) = unseen {
        world::with(|world| world.panics.push(panic));
        std::panic::resume_unwind(Box::new("a thread panicked and nobody joined it"));
    }
}

/// What the end of an execution means.
fn diagnose(payload: &(dyn std::any::Any + Send)) -> Failure {
    let words = world::words(payload);
    let (threads, resources, events) = world::picture();
    let main_ended = threads.first().is_some_and(|main| main.ended);
    let because = world::with(|world| world.waits_after_panics());
    let (kind, message, place) = if words.starts_with(DEADLOCK) {
        let (kind, usual) = if main_ended {
            (Kind::Thread, "a thread waits for ever after everything else has ended")
        } else {
            (Kind::Deadlock, "no thread can go on")
        };
        (kind, because.unwrap_or_else(|| usual.to_owned()), None)
    } else if words.starts_with(ENDLESS) {
        let message = format!("after {STEPS} steps the threads still run without getting anywhere");
        (Kind::Livelock, message, None)
    } else if let Some((kind, message)) = of_last_destructors(&words) {
        (kind, message.to_owned(), None)
    } else {
        let panic = world::with(|world| world.cause());
        let panic = panic.unwrap_or(world::Panic { task: 0, message: words, place: None });
        let really = world::with(|world| world.really.take());
        let kind = match &panic.place {
            _ if really.is_some() => really.unwrap_or(Kind::Panic),
            Some(place) if place.file == crate::CHECKS => Kind::Wrong,
            _ => Kind::Panic,
        };
        (kind, panic.message, panic.place)
    };
    Failure { kind, message, place, threads, resources, events, earlier: 0, replay: None }
}

/// How the explorer says that no thread can go on.
const DEADLOCK: &str = "deadlock! blocked tasks";

/// How it says that all steps were used up.
const ENDLESS: &str = "exceeded max_steps";

/// Whether it is the explorer that panics, to say how an execution has ended.
fn is_verdict(words: &str) -> bool {
    words.starts_with(DEADLOCK)
        || words.starts_with(ENDLESS)
        || of_last_destructors(words).is_some()
}

/// What the explorer says of destructors that run when the threads have ended.
fn of_last_destructors(words: &str) -> Option<(Kind, &'static str)> {
    let at_the_end = words.contains("dropped at the end of the execution");
    if words.starts_with("deadlock while dropping") || at_the_end && words.contains(" blocked ") {
        Some((Kind::Deadlock, "a destructor waits for ever when everything else has ended"))
    } else if at_the_end && words.contains("exceeded the step bound") {
        Some((Kind::Livelock, "a destructor runs for ever when everything else has ended"))
    } else {
        None
    }
}

const PLEASE_REPORT: &str = "\n(inside the explorer of schedules: please report this)";

/// What a panic says. One of the explorer itself is told in the words of this project.
fn told_plainly(message: String, at: &Place) -> String {
    let as_in_std = ["Once instance has previously", "there is no such thing as a relaxed fence"];
    if at.is_known() || as_in_std.iter().any(|words| message.starts_with(words)) {
        message
    } else if message.contains("`ExecutionState` is not set") {
        "something of std::sync is used when the check is over, or outside of its threads".into()
    } else if message.starts_with("a destructor spawned a scoped thread") {
        "a destructor starts a thread when everything else has ended".into()
    } else if crate::panics::passes_on(&message) {
        message
    } else {
        message + PLEASE_REPORT
    }
}

/// Installs a panic hook that keeps what was said and where, instead of printing it. The explorer
/// installs one of its own with its first run, which is therefore done before.
fn prepare_hook() {
    Runner::new(RandomScheduler::new_from_seed(0, 1), Config::new()).run(|| ());
    std::panic::set_hook(Box::new(|info| {
        use shuttle_engine::runtime::execution::ExecutionState;
        if ExecutionState::unwinding_for_teardown() {
            return;
        }
        let said = world::words(info.payload());
        if is_verdict(&said) {
            return;
        }
        let place = info.location().map(Place::from).unwrap_or_default();
        let message = told_plainly(said, &place);
        let me = world::me();
        world::with(|world| {
            // Instead of a place in a library, the one from which that was called.
            let called = world.task(me).at.map(Place::from);
            let place = if place.is_known() { Some(place) } else { called };
            let place = place.filter(Place::is_known);
            if world.recording {
                let shown = place.clone().unwrap_or_default();
                world.note(me, format!("panics: {message}"), None, shown);
            }
            world.panics.push(world::Panic { task: me, message, place });
            world.task(me).unwinding = true;
        });
    }));
}

#[cfg(test)]
mod tests {
    use super::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use super::sync::{Arc, Barrier, Condvar, Mutex, RwLock, mpsc};
    use super::thread;
    use super::*;

    type Case = (&'static str, fn(), Option<Kind>);

    /// The explorer replaces the panic hook and the output of the process, so this is one test.
    #[test]
    fn what_std_does_happens_and_what_it_allows_is_tried() {
        let cases: [Case; 18] = [
            ("everything at once", everything_at_once, None),
            ("lost update", lost_update, Some(Kind::Wrong)),
            ("lock order", lock_order, Some(Kind::Deadlock)),
            ("locks twice", locks_twice, Some(Kind::Deadlock)),
            ("reads while writing", reads_while_writing, Some(Kind::Deadlock)),
            ("believes a wait", believes_a_wait, Some(Kind::Wrong)),
            ("panics unseen", panics_unseen, Some(Kind::Panic)),
            ("joins a panic", joins_a_panic, None),
            ("poisons its own only", poisons_its_own_only, None),
            ("scope passes a panic on", scope_passes_a_panic_on, Some(Kind::Panic)),
            ("leaves a thread", leaves_a_thread, Some(Kind::Thread)),
            ("waits for one that panicked", waits_for_one_that_panicked, Some(Kind::Deadlock)),
            ("panics in a scope", panics_in_a_scope, Some(Kind::Deadlock)),
            ("catches a panic", catches_a_panic, Some(Kind::Deadlock)),
            ("runs for ever", runs_for_ever, Some(Kind::Livelock)),
            ("has nothing to choose at first", has_nothing_to_choose_at_first, None),
            ("spins", spins, Some(Kind::Livelock)),
            ("sleeps for order", sleeps_for_order, Some(Kind::Wrong)),
        ];
        let order = Search { schedules: 400, seed: 1, ..Search::default() };
        let found: Vec<_> = cases
            .iter()
            .map(|(name, body, expected)| {
                let failure = explore(*body, &order).failure;
                let said = format!("{name}: {failure:?}");
                (failure.map(|failure| failure.kind) == *expected, said)
            })
            .collect();
        // In these tests, nothing is in a file of a learner.
        let plain = |failure: Failure| failure.message.replace(PLEASE_REPORT, "");
        let message = |body| explore(body, &order).failure.map(plain);
        let messages =
            [waits_for_one_that_panicked, panics_in_a_scope, catches_a_panic].map(message);
        let first = explore(lock_order, &order).failure.map(|failure| failure.replay);
        let again = Search { replay: first.clone().flatten(), ..Search::default() };
        let again = explore(lock_order, &again).failure.map(|failure| failure.replay);
        let spins = [one_of_two_spins, runs_for_ever].map(|body| {
            let replay = explore(body, &order).failure.and_then(|failure| failure.replay);
            let same = Search { replay: replay.clone(), ..Search::default() };
            SPINS.store(false, SeqCst);
            let right = explore(body, &same).failure;
            SPINS.store(true, SeqCst);
            (replay, explore(body, &same).failure.is_some(), right)
        });
        let _ = std::panic::take_hook();
        assert_eq!(first, again, "a replay");
        for (as_expected, said) in found {
            assert!(as_expected, "{said}");
        }
        let expected = [
            "worker panicked: no more;\nso main waits for ever",
            "main panicked: in the scope;\nso listener waits for ever",
            "no thread can go on",
        ];
        assert_eq!(messages, expected.map(|message| Some(message.to_owned())));
        // The schedule that is shown is short, and the submission's fault: what waits as it should
        // does so under the same.
        for (replay, fails_again, right) in spins {
            assert!(replay.as_ref().is_some_and(|it| it.len() < 40), "{replay:?}");
            assert!(fails_again && right.is_none(), "{replay:?}: {right:?}");
        }
    }

    #[test]
    fn what_the_explorer_says_is_told_in_other_words() {
        let blocks = "task-1 blocked while it was being dropped at the end of the execution, while";
        let runs = "task-1 exceeded the step bound (20000) while it was being dropped at the end of \
                    the execution. A destructor";
        let all = "deadlock while dropping the tasks that were unfinished at the end";
        let kind = |words| of_last_destructors(words).map(|(kind, _)| kind);
        assert_eq!(
            [blocks, runs, all, "blocked"].map(kind),
            [Some(Kind::Deadlock), Some(Kind::Livelock), Some(Kind::Deadlock), None]
        );
        let inside = Place { file: "/registry/src/shuttle-std/once.rs".into(), ..Place::default() };
        let told = |words: &str| told_plainly(words.to_owned(), &inside);
        assert_eq!(
            told("Once instance has previously been poisoned"),
            told("Once instance has previously been poisoned")
        );
        assert!(
            !told("`ExecutionState::with` panicked because `ExecutionState` is not set. Are")
                .contains("Execution")
        );
        assert!(told("odd").ends_with(PLEASE_REPORT));
    }

    fn everything_at_once() {
        let (to, from) = mpsc::channel();
        let results = Arc::new(Mutex::new(Vec::new()));
        let sink = results.clone();
        let worker = thread::spawn(move || {
            for value in from {
                sink.lock().unwrap().push(value);
            }
        });
        let (total, both) = (AtomicU32::new(0), Barrier::new(2));
        let settings = RwLock::new(1);
        let sum = thread::scope(|scope| {
            let one = scope.spawn(|| {
                both.wait();
                total.fetch_add(*settings.read().unwrap(), SeqCst);
                2
            });
            scope.spawn(|| {
                *settings.write().unwrap() = 1;
                both.wait();
                total.fetch_add(1, SeqCst);
            });
            one.join().unwrap()
        });
        assert_eq!((sum, total.into_inner()), (2, 2));
        let me = thread::current();
        let other = thread::spawn(move || me.unpark());
        thread::park();
        other.join().unwrap();
        to.send(5).unwrap();
        drop(to);
        worker.join().unwrap();
        assert_eq!(*results.lock().unwrap(), [5]);
    }

    fn lost_update() {
        let count = Arc::new(AtomicU32::new(0));
        let add = |count: &AtomicU32| count.store(count.load(SeqCst) + 1, SeqCst);
        let other = count.clone();
        let thread = thread::spawn(move || add(&other));
        add(&count);
        thread.join().unwrap();
        if count.load(SeqCst) != 2 {
            wrong("an update was lost");
        }
    }

    /// In these tests no file is called like an exercise's checks.
    fn wrong(why: &str) {
        world::with(|world| world.really = Some(Kind::Wrong));
        panic!("{why}");
    }

    fn lock_order() {
        let (a, b) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let (c, d) = (a.clone(), b.clone());
        let thread = thread::spawn(move || *c.lock().unwrap() + *d.lock().unwrap());
        let _sum = *b.lock().unwrap() + *a.lock().unwrap();
        thread.join().unwrap();
    }

    fn locks_twice() {
        let lock = Mutex::new(0);
        let _first = lock.lock();
        let _second = lock.lock();
    }

    fn reads_while_writing() {
        let lock = RwLock::new(0);
        let _first = lock.write();
        let _second = lock.read();
    }

    fn believes_a_wait() {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let other = pair.clone();
        let thread = thread::spawn(move || {
            *other.0.lock().unwrap() = true;
            other.1.notify_one();
        });
        let mut ready = pair.0.lock().unwrap();
        if !*ready {
            ready = pair.1.wait(ready).unwrap();
        }
        if !*ready {
            wrong("not ready");
        }
        drop(ready);
        thread.join().unwrap();
    }

    fn panics_unseen() {
        drop(thread::spawn(|| panic!("nobody sees this")));
    }

    fn joins_a_panic() {
        assert!(thread::spawn(|| panic!("seen")).join().is_err());
    }

    /// While one thread unwinds, through a destructor that locks, another one locks and unlocks.
    fn poisons_its_own_only() {
        struct Locks(Arc<Mutex<()>>);

        impl Drop for Locks {
            fn drop(&mut self) {
                assert!(thread::panicking(), "this thread unwinds");
                drop(self.0.lock().unwrap());
            }
        }

        let (free, held) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let others = (free.clone(), held.clone());
        let thread = thread::spawn(move || {
            let _held = others.1.lock().unwrap();
            let _locks = Locks(others.0);
            panic!("on the way out");
        });
        for _ in 0..3 {
            drop(free.lock().unwrap());
            assert!(!thread::panicking(), "only the other thread unwinds");
        }
        assert!(thread.join().is_err());
        assert!(held.lock().is_err(), "what was held at the panic is poisoned");
        assert!(free.lock().is_ok(), "what was locked while unwinding is not");
    }

    fn scope_passes_a_panic_on() {
        thread::scope(|scope| {
            scope.spawn(|| panic!("passed on"));
        });
    }

    fn leaves_a_thread() {
        let (to, from) = mpsc::channel::<()>();
        thread::spawn(move || from.recv());
        std::mem::forget(to);
    }

    fn waits_for_one_that_panicked() {
        let (to, from) = mpsc::channel::<()>();
        let kept = to.clone();
        let worker = thread::Builder::new().name("worker".to_owned());
        let worker = worker.spawn(move || {
            let _to = to;
            panic!("no more");
        });
        let _ = from.recv();
        drop(kept);
        worker.unwrap().join().unwrap();
    }

    fn panics_in_a_scope() {
        let (_to, from) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let listener = thread::Builder::new().name("listener".to_owned());
            listener.spawn_scoped(scope, || from.recv().is_err()).unwrap();
            panic!("in the scope");
        });
    }

    /// A panic that was caught explains nothing.
    fn catches_a_panic() {
        assert!(catch_unwind(|| panic!("caught")).is_err());
        let (_to, from) = mpsc::channel::<()>();
        let _ = from.recv();
    }

    /// Whether the bodies below are wrong.
    static SPINS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);

    /// One thread waits for what another one does, and asks again and again if it spins.
    fn one_of_two_spins() {
        let pair = Arc::new((Mutex::new(0), Condvar::new()));
        let waits = |least: i32| {
            let pair = pair.clone();
            thread::spawn(move || {
                let mut count = pair.0.lock().unwrap();
                while *count < least {
                    if SPINS.load(SeqCst) && least == 2 {
                        drop(count);
                        thread::yield_now();
                        count = pair.0.lock().unwrap();
                    } else {
                        count = pair.1.wait(count).unwrap();
                    }
                }
                *count += 1;
                pair.1.notify_all();
            })
        };
        let threads = [waits(2), waits(1)];
        until_others_block();
        *pair.0.lock().unwrap() += 1;
        pair.1.notify_all();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    /// A second thread is there only by chance, so a scheduler may see one without a choice.
    fn has_nothing_to_choose_at_first() {
        if chance(16) {
            thread::spawn(|| ()).join().unwrap();
        }
    }

    fn runs_for_ever() {
        let over = Arc::new(AtomicU32::new(0));
        let other = over.clone();
        let thread = thread::spawn(move || {
            while other.load(SeqCst) == 0 || SPINS.load(SeqCst) {
                thread::yield_now();
            }
        });
        over.store(1, SeqCst);
        thread.join().unwrap();
    }

    fn spins() {
        let thread = thread::spawn(|| {
            for _ in 0..100_000 {
                thread::yield_now();
            }
        });
        until_others_block();
        thread.join().unwrap();
    }

    fn sleeps_for_order() {
        let done = Arc::new(AtomicU32::new(0));
        let other = done.clone();
        let thread = thread::spawn(move || other.store(1, SeqCst));
        thread::sleep(Duration::from_secs(1));
        if done.load(SeqCst) == 0 {
            wrong("sleeping orders nothing");
        }
        thread.join().unwrap();
    }
}
