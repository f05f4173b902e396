//! Runs a program under thousands of schedules and finds the shortest one that fails.
//!
//! The threads of the program are coroutines of one thread of the operating system, which run in the
//! order that a scheduler chooses. `sync`, `thread`, `time`, `panic` and `hint` have the names of
//! `std`, what they do is a step of a schedule, and all that the standard allows is tried: that waits
//! end for no reason, that a weak exchange fails, that whoever sleeps wakes late.

use std::time::{Duration, Instant};

use crate::report::{Failure, Kind, Report};
use crate::schedule::Steps;
use crate::{Search, output};
use diagnosis::{diagnose, prepare_hook};
use execution::End;
use schedule::Follower;
use scheduler::{Exhaustive, Mixed, Random, Scheduler, Seen};
use trace::{Recorded, World};

mod diagnosis;
mod execution;
pub mod hint;
pub mod panic;
mod schedule;
mod scheduler;
mod shorten;
pub mod states;
pub mod sync;
pub mod thread;
pub mod time;
mod trace;
mod walk;

#[cfg(test)]
mod tests;

pub use crate::thread_local;
pub(crate) use trace::panics_so_far;

/// The longest schedule that can be asked for again, in bytes.
const LONGEST_REPLAY: usize = 4000;

/// How long a shorter counter-example is looked for.
const SHORTENING: Duration = Duration::from_millis(150);

/// What the program sees as [`std::thread::available_parallelism`], from now to the end of this
/// execution; without it, eight.
pub fn set_processors(number: std::num::NonZero<usize>) {
    trace::with(|world| world.processors = number.get());
}

/// After how many steps this execution is held to run for ever, from now on; without it, 20,000. For
/// checks with hundreds of threads or thousands of operations, and few schedules.
pub fn set_most_steps(number: u64) {
    trace::with(|world| world.most_steps = number);
}

/// Whether limits that are more than a minute off pass when nobody can run, as they do without this. If
/// they do not, that is a deadlock: whoever is woken by nobody but such a limit has been forgotten.
pub fn set_patience(patient: bool) {
    execution::PATIENT.store(patient, std::sync::atomic::Ordering::Relaxed);
}

/// One of so many cases, up to 256, as chance decides: another one in other executions, and the same under
/// the same schedule.
///
/// For checks of what must be so in every case, whatever the schedule.
pub fn any_of(cases: usize) -> usize {
    usize::from(execution::byte(cases)) % cases
}

/// How often threads have waited at a [`sync::Barrier`] in this execution.
///
/// For checks of a program that is to do without.
pub fn barriers() -> usize {
    trace::with(|world| world.barriers)
}

/// How many threads there have been in this execution, with the first one.
pub fn threads() -> usize {
    trace::with(|world| world.tasks.len())
}

/// Lets the other threads run until each of them is blocked or has ended. A thread that does
/// neither spins, which is a failure of the kind `livelock`.
///
/// For checks that a thread really blocks where it should wait, instead of asking again and again.
/// A thread spins only if all that could run have run many times meanwhile, so no schedule makes
/// that of one that waits as it should.
#[track_caller]
pub fn until_others_block() {
    let at = std::panic::Location::caller();
    let others = || {
        trace::with(|world| {
            let can_run = world.ready.iter().copied().chain(world.due());
            let others = can_run.filter(|number| *number != world.current);
            others.map(|number| (number, world.tasks[number].steps)).collect::<Vec<_>>()
        })
    };
    // Where many want the same lock, one after the other gets it.
    let crowd = trace::with(|world| world.tasks.iter().filter(|it| !it.ended).count());
    for _ in 0..ROUNDS * (1 + crowd / 8) {
        let before = others();
        if before.is_empty() {
            return;
        }
        // Each has had its turn, or has blocked.
        while others().iter().any(|now| before.contains(now)) {
            execution::really_give_way(at);
        }
    }
    if let Some((number, _)) = others().first() {
        let (name, place, woken_by_time) = trace::with(|world| {
            world.really = Some(Kind::Livelock);
            let task = &world.tasks[*number];
            let place = task.at.map(|at| format!(" at {}", crate::report::Place::from(at)));
            let woken_by_time = task.timed_out || matches!(task.state, execution::State::Timed(_));
            (trace::name(task, *number), place.unwrap_or_default(), woken_by_time)
        });
        if woken_by_time {
            panic!(
                "{name} wakes up again and again{place} because its time is up: it should block \
                 until somebody wakes it"
            );
        }
        panic!("{name} spins{place}: it keeps running where it should block");
    }
}

/// Lets the other threads run until each of them is blocked or has ended, then lets every limit pass with
/// which one of them waits, however far off it is, and does so once more.
///
/// For checks that nobody takes the end of its patience for what it has waited for.
#[track_caller]
pub fn until_limits_pass() {
    until_others_block();
    trace::with(|world| {
        let ends = world.timed.iter().filter_map(|number| match world.tasks[*number].state {
            execution::State::Timed(end) => Some(end),
            _ => None,
        });
        world.clock = ends.fold(world.clock, Ord::max);
    });
    until_others_block();
}

/// How often all other threads run before the one that still does is held to spin, if they are few.
const ROUNDS: usize = 200;

/// An execution that failed.
struct Found {
    end: End,
    steps: Steps,
    failure: Failure,
}

impl Found {
    /// Whether both are the same finding: of the same kind, at the same place.
    fn is_as(&self, other: &Found) -> bool {
        let (this, that) = (&self.failure, &other.failure);
        self.end == other.end
            && this.kind == that.kind
            && (self.is_endless() || this.place == that.place)
    }

    /// Whether all that happened is that the steps were used up.
    fn is_endless(&self) -> bool {
        self.end == End::Endless
    }
}

/// Runs `body` under as many schedules as the search says, or under the one that it names.
///
/// The panic hook of the process is replaced, and what the program prints is seen only for the
/// schedule that is reported.
pub fn explore(body: fn(), search: &Search) -> Report {
    prepare_hook();
    if let Some(then) = search.then {
        return walk::walk(body, search, then);
    }
    let quiet = output::Silence::new();
    if let Some(steps) = search.replay.as_deref().and_then(Steps::from_text) {
        drop(quiet);
        let failure = follow(body, &steps, Recorded::Events).map(|found| told(found, &steps));
        return Report { schedules: 1, failure, ..Report::default() };
    }
    let mut report = Report::default();
    let mut found = None;
    if search.exhaustive {
        found = try_all(body, search.schedules, &mut report);
    }
    if found.is_none() && !report.exhaustive {
        found = try_some(body, search, &mut report);
    }
    match found {
        Some(found) => finish(body, report, found, search, quiet),
        None => report,
    }
}

/// Runs `body` under all schedules, if there are no more than that.
fn try_all(body: fn(), schedules: u64, report: &mut Report) -> Option<Found> {
    let mut all = Exhaustive::default();
    while report.schedules < schedules {
        let (found, world) = run(body, Box::new(all), Recorded::Nothing);
        report.schedules += 1;
        if found.is_some() {
            return found;
        }
        all = taken(world.scheduler);
        let asked = all.chance > 2;
        if !all.next() {
            // Where chance had a say, there are more executions than schedules.
            report.exhaustive = !asked;
            return None;
        }
    }
    None
}

/// Runs `body` under so many schedules, chosen in turn in different ways.
fn try_some(body: fn(), search: &Search, report: &mut Report) -> Option<Found> {
    let mut seen = Seen::default();
    for number in 0..search.schedules.max(1) {
        let mixed = Box::new(Mixed::new(search.seed, number, seen));
        let (found, world) = run(body, mixed, Recorded::Nothing);
        report.schedules += 1;
        if found.is_some() {
            return found;
        }
        if number == 0 && !world.choice {
            report.exhaustive = true;
            return None;
        }
        seen = taken::<Mixed>(world.scheduler).finish();
    }
    None
}

/// The scheduler that an execution was given.
fn taken<S: Scheduler + 'static>(scheduler: Box<dyn Scheduler>) -> S {
    let scheduler: Box<dyn std::any::Any> = scheduler;
    *scheduler.downcast().unwrap_or_else(|_| unreachable!("a scheduler of another kind"))
}

/// Looks for a shorter way to the same finding and tells how it goes.
fn finish(
    body: fn(),
    mut report: Report,
    mut best: Found,
    search: &Search,
    quiet: output::Silence,
) -> Report {
    if best.failure.kind == Kind::Livelock {
        best = shorten::to_a_beginning(body, best, &Steps::default());
    } else {
        let end = Instant::now() + SHORTENING;
        let mut seeds = Random::new(search.seed);
        while Instant::now() < end - SHORTENING / 2 {
            let walk = Mixed::new(seeds.next(), 0, Seen::default());
            best = shorten::shorter(best, run(body, Box::new(walk), Recorded::Nothing).0);
        }
        best = shorten::step_by_step(body, best, end, &Steps::default());
    }
    // What is printed under the schedule that is shown, is shown.
    drop(quiet);
    report.failure = Some(match follow(body, &best.steps, Recorded::Events) {
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
    if found.is_endless() && steps.length().2 > execution::STEPS / 2 {
        // No beginning was found after which a fair order leads nowhere as well.
        found.failure.message.push_str(
            "\nAs long as it is not interrupted there, nobody gets anywhere: a thread runs on and \
             on where it should block.",
        );
    }
    Failure { replay: (replay.len() <= LONGEST_REPLAY).then_some(replay), ..found.failure }
}

/// Runs the one schedule; what it finds, if it fails.
fn follow(body: fn(), steps: &Steps, recorded: Recorded) -> Option<Found> {
    run(body, Box::new(Follower::new(steps.clone())), recorded).0
}

/// Runs `body` once; what is wrong with that, and what is known of it.
fn run(body: fn(), scheduler: Box<dyn Scheduler>, recorded: Recorded) -> (Option<Found>, World) {
    let (end, mut world) = execution::run(thread::first(body), scheduler, recorded);
    let failed = !matches!(end, End::Done | End::Stopped);
    let failure = failed.then(|| diagnose(end, &mut world));
    let found = failure.map(|failure| Found { end, steps: world.schedule.clone(), failure });
    (found, world)
}
