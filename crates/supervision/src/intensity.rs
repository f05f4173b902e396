//! A worker that crashes at once, each time. Started again for ever it keeps the machine busy with
//! dying; a pause that grows makes that cheap; a limit lets somebody hear of it.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use lab::child::{Child, explain, in_words};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "intensity",
    question: "A worker crashes at once, every time. When does its supervisor stop?",
    claims: &["isolation-gives-stability"],
    run,
};

/// How a worker is started again. A pause doubles from `first` up to `longest`; after `restarts`
/// within `window` the next crash is the last.
struct Policy {
    first: Duration,
    longest: Duration,
    restarts: usize,
    window: Duration,
}

const NO_PAUSE: Duration = Duration::ZERO;
const NO_LIMIT: usize = usize::MAX;
const NO_WINDOW: Duration = Duration::ZERO;

/// What the supervisor did.
struct Seen {
    restarts: u32,
    gave_up: bool,
    /// CPUs that it and its workers used.
    cpus: f64,
}

fn run(_: &Lab) -> Result<Evidence> {
    let watched = Duration::from_millis(150);
    let ms = Duration::from_millis;

    let policy =
        Policy { first: NO_PAUSE, longest: NO_PAUSE, restarts: NO_LIMIT, window: NO_WINDOW };
    let at_once = supervise(ms(0), &policy, watched)?;

    let policy = Policy { first: ms(1), longest: ms(64), restarts: NO_LIMIT, window: NO_WINDOW };
    let growing = supervise(ms(0), &policy, watched)?;

    // ANCHOR: policies
    let policy = Policy { first: ms(1), longest: ms(1), restarts: 5, window: ms(10_000) };
    let limited = supervise(ms(0), &policy, 10 * watched)?;

    // Worse in the long run, but never so bad as that: it works for 10 ms before it crashes.
    let policy = Policy { first: NO_PAUSE, longest: NO_PAUSE, restarts: 5, window: ms(40) };
    let rare = supervise(ms(10), &policy, watched)?;
    // ANCHOR_END: policies

    let in_time = format!("in {} ms", watched.as_millis());
    Ok(Evidence::new()
        .measured("crash loop: restarts", at_once.restarts, &in_time)
        .measured("crash loop: CPUs", at_once.cpus, "CPUs")
        .fact("crash loop: gives up", at_once.gave_up)
        .measured("back-off: restarts", growing.restarts, &in_time)
        .measured("back-off: CPUs", growing.cpus, "CPUs")
        .fact("limit: gives up", limited.gave_up)
        .measured("limit: restarts", limited.restarts, "restarts")
        .fact("rare crashes: gives up", rare.gave_up)
        .measured("rare crashes: restarts", rare.restarts, &in_time))
}

/// What a policy says, for a worker that lives so long.
fn described(life: Duration, policy: &Policy) -> String {
    let limit = format!("{} in {:?}", policy.restarts, policy.window);
    let pauses = [1, 2, 4].map(|times| (times * policy.first).min(policy.longest).as_millis());
    match (policy.restarts, policy.first) {
        (NO_LIMIT, NO_PAUSE) => "at once, without a limit".to_owned(),
        (NO_LIMIT, _) => format!("pauses of {}, {}, {} ms ...", pauses[0], pauses[1], pauses[2]),
        _ if life.is_zero() => format!("at most {limit}"),
        _ => format!("lives {life:?}; {limit}"),
    }
}

fn tell(policy: &str, seen: &Seen) {
    let end = if seen.gave_up { "gives up" } else { "goes on" };
    let Seen { restarts, cpus, .. } = seen;
    say!("parent", "{policy:<24} {restarts:>4} restarts, {cpus:.2} CPUs; {end}");
}

// ANCHOR: supervise
fn supervise(life: Duration, policy: &Policy, watched: Duration) -> Result<Seen> {
    let (start, used) = (Instant::now(), cpu_time()?);
    let (mut recent, mut pause, mut restarts) = (VecDeque::new(), policy.first, 0);
    let gave_up = loop {
        crash_after(life)?;
        let now = Instant::now();
        while recent.front().is_some_and(|then| now - *then > policy.window) {
            recent.pop_front();
        }
        if recent.len() >= policy.restarts {
            break true;
        }
        if start.elapsed() + pause > watched {
            break false; // Nobody looks any longer; it would go on.
        }
        std::thread::sleep(pause);
        pause = (2 * pause).min(policy.longest);
        recent.push_back(Instant::now());
        restarts += 1;
    };
    // ANCHOR_END: supervise
    let cpus = (cpu_time()? - used).as_secs_f64() / start.elapsed().as_secs_f64();
    let seen = Seen { restarts, gave_up, cpus };
    tell(&described(life, policy), &seen);
    Ok(seen)
}

/// Starts a worker, which crashes after `life`, and reaps it.
fn crash_after(life: Duration) -> Result<()> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let worker = unsafe {
        Child::fork(|| {
            lab::child::no_core_dump();
            std::thread::sleep(life);
            let nowhere: *mut u8 = black_box(std::ptr::null_mut());
            // SAFETY: there is none. Page 0 is never mapped, and the fault is the lesson.
            nowhere.write_volatile(1);
            0
        })
    }?;
    match worker.wait()? {
        WaitStatus::Signaled(_, Signal::SIGSEGV, _) => Ok(()),
        other => bail!("the worker {}", in_words(other)),
    }
}

/// CPU time of this process and of the children that it has reaped, getrusage(2).
fn cpu_time() -> Result<Duration> {
    let mut microseconds = 0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who).map_err(explain("getrusage"))?;
        let time = usage.user_time() + usage.system_time();
        microseconds += time.num_microseconds();
    }
    Ok(Duration::from_micros(microseconds.unsigned_abs()))
}
