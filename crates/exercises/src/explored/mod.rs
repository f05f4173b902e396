//! Runs a check under thousands of schedules and finds the shortest one that fails.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::report::{Failure, Kind, Report};
use crate::{Order, output};
use schedule::{Follower, Record, Recorder, Steps};

mod schedule;
pub mod sync;
pub mod thread;
mod world;

pub use shuttle::thread_local;

/// Scheduling points of one execution, after which it is held to run for ever.
const STEPS: usize = 20_000;

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
#[track_caller]
pub fn until_others_block() {
    use shuttle_engine::runtime::execution::ExecutionState;
    let me = world::me();
    let running = || {
        let numbers = 0..world::with(|world| world.tasks.len());
        let runs = |number: &usize| {
            ExecutionState::with(|state| {
                let task = state.try_get((*number).into());
                task.is_some_and(|task| !task.blocked() && !task.finished())
            })
        };
        numbers.filter(|number| *number != me).find(runs)
    };
    for _ in 0..500 {
        if running().is_none() {
            return;
        }
        shuttle::thread::yield_now();
    }
    if let Some(number) = running() {
        let name = world::with(|world| {
            world.really = Some(Kind::Livelock);
            world::name(world.task(number), number)
        });
        panic!("{name} spins: it keeps running where it should block");
    }
}

/// An execution that failed.
struct Found {
    steps: Steps,
    failure: Failure,
}

/// What a series of executions came to.
struct Run {
    count: u64,
    choice: bool,
    found: Option<Found>,
}

/// Runs `body` under as many schedules as the order says, or under the one that it names.
pub(crate) fn explore(body: fn(), order: &Order) -> Report {
    let quiet = output::Silence::new();
    prepare_hook();
    if let Some(replay) = &order.replay {
        let Some(steps) = Steps::from_text(replay) else {
            let message = format!("\"{replay}\" is not a schedule");
            return Report {
                failure: Some(Failure::plain(Kind::Wrong, message, None)),
                ..Report::default()
            };
        };
        drop(quiet);
        let failure = follow(body, steps, true).map(told);
        return Report { schedules: 1, exhaustive: false, failure };
    }
    let mut report = Report::default();
    if order.exhaustive {
        let scheduler = DfsScheduler::new(Some(order.schedules as usize), true);
        let Run { count, found, .. } = run(body, scheduler, false);
        report.schedules += count;
        report.exhaustive = found.is_none() && count < order.schedules;
        if found.is_some() || report.exhaustive {
            return finish(body, report, found, order, quiet);
        }
    }
    let one = run(body, RandomScheduler::new_from_seed(order.seed, 1), false);
    if one.found.is_some() || !one.choice {
        report.schedules += one.count;
        report.exhaustive = one.found.is_none();
        return finish(body, report, one.found, order, quiet);
    }
    let share = (order.schedules / 2).max(1) as usize;
    for round in 0..3 {
        let Run { count, found, .. } = match round {
            0 => run(body, RandomScheduler::new_from_seed(order.seed, share), false),
            depth => {
                let share = (share / 2).max(1);
                let seed = order.seed.wrapping_add(depth);
                run(body, PctScheduler::new_from_seed(seed, depth as usize + 1, share), false)
            }
        };
        report.schedules += count;
        if found.is_some() {
            return finish(body, report, found, order, quiet);
        }
    }
    report
}

/// Looks for a shorter way to the same failure and tells how it goes.
fn finish(
    body: fn(),
    mut report: Report,
    found: Option<Found>,
    order: &Order,
    quiet: output::Silence,
) -> Report {
    let Some(mut best) = found else { return report };
    let end = Instant::now() + SHORTENING;
    let mut seed = order.seed;
    while Instant::now() < end - SHORTENING / 2 {
        seed = seed.wrapping_add(0x9e37_79b9);
        let more = run(body, RandomScheduler::new_from_seed(seed, 20), false);
        best = shorter(best, more.found);
    }
    best = shorten(body, best, end);
    // What is printed under the schedule that is shown, is shown.
    drop(quiet);
    let Some(last) = follow(body, best.steps.clone(), true) else {
        // The submission does not do the same under the same schedule: it depends on something
        // outside, such as the time or an address.
        let mut failure = best.failure;
        failure.message.push_str("\n(the same schedule did not lead there a second time)");
        report.failure = Some(failure);
        return report;
    };
    report.failure = Some(told(last));
    report
}

fn told(found: Found) -> Failure {
    Failure { replay: Some(found.steps.to_text()), ..found.failure }
}

fn shorter(best: Found, other: Option<Found>) -> Found {
    match other {
        Some(other)
            if other.failure.kind == best.failure.kind
                && other.steps.length() < best.steps.length() =>
        {
            other
        }
        _ => best,
    }
}

/// Leaves out one run of steps after the other, as long as the failure stays.
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
            best = shorter(best, follow(body, steps, false));
            if best.steps.length() < before {
                again = true;
                break;
            }
        }
    }
    best
}

/// Runs the one schedule; what it finds, if it fails.
fn follow(body: fn(), steps: Steps, recording: bool) -> Option<Found> {
    run(body, Follower::new(steps), recording).found
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
    let (count, choice, steps) = {
        let record = record.borrow();
        (record.executions, record.choice, record.steps.clone())
    };
    let found = result.err().map(|payload| Found { steps, failure: diagnose(payload.as_ref()) });
    Run { count, choice, found }
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
    let panic = world::with(world::World::cause);
    let main_ended = threads.first().is_some_and(|main| main.ended);
    let (kind, message, place) = if words.starts_with("deadlock!") {
        if main_ended {
            (Kind::Thread, "a thread waits for ever after everything else has ended".into(), None)
        } else {
            (Kind::Deadlock, "no thread can go on".into(), None)
        }
    } else if words.starts_with("exceeded max_steps") {
        let message = format!("after {STEPS} steps the threads still run without getting anywhere");
        (Kind::Livelock, message, None)
    } else {
        let panic = panic.unwrap_or(world::Panic { message: words, place: None });
        let really = world::with(|world| world.really.take());
        let kind = match &panic.place {
            _ if really.is_some() => really.unwrap_or(Kind::Panic),
            Some(place) if place.file == crate::CHECKS => Kind::Wrong,
            _ => Kind::Panic,
        };
        (kind, panic.message, panic.place)
    };
    Failure { kind, message, place, threads, resources, events, replay: None }
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
        let message = world::words(info.payload());
        let place = info.location().map(Into::into);
        let me = world::me();
        world::with(|world| {
            world.panics.push(world::Panic { message: message.clone(), place });
            let at = world.task(me).at;
            let own = message.starts_with("deadlock!") || message.starts_with("exceeded max_steps");
            if let (true, false, Some(at)) = (world.recording, own, at) {
                world.note(me, format!("panics: {message}"), None, at);
            }
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
        let cases: [Case; 12] = [
            ("everything at once", everything_at_once, None),
            ("lost update", lost_update, Some(Kind::Wrong)),
            ("lock order", lock_order, Some(Kind::Deadlock)),
            ("locks twice", locks_twice, Some(Kind::Deadlock)),
            ("reads while writing", reads_while_writing, Some(Kind::Deadlock)),
            ("believes a wait", believes_a_wait, Some(Kind::Wrong)),
            ("panics unseen", panics_unseen, Some(Kind::Panic)),
            ("joins a panic", joins_a_panic, None),
            ("scope passes a panic on", scope_passes_a_panic_on, Some(Kind::Panic)),
            ("leaves a thread", leaves_a_thread, Some(Kind::Thread)),
            ("spins", spins, Some(Kind::Livelock)),
            ("sleeps for order", sleeps_for_order, Some(Kind::Wrong)),
        ];
        let order = Order { schedules: 400, seed: 1, ..Order::default() };
        let found: Vec<_> = cases
            .iter()
            .map(|(name, body, expected)| {
                let failure = explore(*body, &order).failure;
                let said = format!("{name}: {failure:?}");
                (failure.map(|failure| failure.kind) == *expected, said)
            })
            .collect();
        let first = explore(lock_order, &order).failure.map(|failure| failure.replay);
        let again = Order { replay: first.clone().flatten(), ..Order::default() };
        let again = explore(lock_order, &again).failure.map(|failure| failure.replay);
        let _ = std::panic::take_hook();
        assert_eq!(first, again, "a replay");
        for (as_expected, said) in found {
            assert!(as_expected, "{said}");
        }
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
