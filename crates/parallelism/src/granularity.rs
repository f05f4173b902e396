//! The same amount of work, cut into tasks of different lengths and given out in three ways.

use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use crossbeam::deque::{Steal, Stealer, Worker};
use lab::machine::{Busy, allowed_cpus};
use lab::sample::{Contestant, Pinned, Sampling};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, Summary, say};

use crate::team::Team;

pub const EXPERIMENT: Experiment = Experiment {
    name: "granularity",
    question: "How short a task is still worth giving to another thread?",
    claims: &["fine-grained-parallelism"],
    run,
};

/// At most so many threads at a time, for a thread per task.
const AT_ONCE: usize = 64;
/// More CPUs than this are not used.
const CPUS: usize = 16;
/// From here on, parallel is called faster than serial.
const PAYS: f64 = 1.1;
/// How the tasks are given out, as the facts call it.
const WAYS: [&str; 3] = ["thread per task", "pool", "work stealing"];

fn run(lab: &Lab) -> Result<Evidence> {
    let mut cpus = allowed_cpus();
    cpus.truncate(CPUS);
    if cpus.len() < 2 {
        say!("main", "one CPU is allowed: a task given away is done no sooner");
        let why = "one CPU is allowed, so nothing runs in parallel";
        return Ok(WAYS.iter().fold(Evidence::new(), |facts, way| {
            facts.missing(&format!("granularity: {way} pays from"), why)
        }));
    }
    let watch = Busy::begin();
    let lengths: &[u32] = lab.by_effort(
        &[1, 10, 100],
        &[1, 3, 10, 30, 100, 300, 1000],
        &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    );
    let batch = lab.by_effort(400, 1_000, 2_000);
    let sampling = Sampling {
        rounds: lab.by_effort(5, 7, 25),
        batch: Duration::from_nanos(1),
        tolerance: 0.2,
    };
    let each = steps_in_a_microsecond();
    say!("main", "at least {batch} µs of work in tasks: how many times as fast");
    say!("main", "as one thread they are done by {} CPUs: p10/median/p90", cpus.len());
    say!("main", "task, µs  tasks{:>16}{:>15}{:>15}", WAYS[0], WAYS[1], WAYS[2]);
    let mut evidence = Evidence::new();
    let mut gains: [Vec<(u32, Option<bool>)>; 3] = Default::default();
    for length in lengths {
        let tasks = (batch / length).max(2 * cpus.len() as u32) as usize;
        let task = || compute(each * length);
        let rounds = measure(&sampling, &cpus, tasks, &task)?;
        let mut row = String::new();
        for (way, (name, width)) in WAYS.iter().zip([16, 15, 15]).enumerate() {
            let fact = format!("granularity: {length} µs, {name}: speed-up");
            let compared = rounds
                .compare(0, 1 + way)
                .named(&format!("{length} µs: one thread"), &format!("{length} µs: {name}"));
            let gain = compared.doubt.is_none().then_some(compared.ratio);
            let three = gain.map_or("-".to_owned(), |gain| gain.three());
            row += &format!("{three:>width$}");
            gains[way].push((*length, gain.and_then(pays)));
            evidence = evidence.compared(&fact, &compared);
        }
        say!("main", "{length:>8}{tasks:>7}{row}");
    }
    // On a busy machine a worker may wait for a CPU that others have, so that little pays.
    let busy = watch.so_far();
    if let Some(busy) = &busy {
        say!("main", "{}", busy.split(" (").next().unwrap_or(busy));
    }
    for (name, gains) in WAYS.iter().zip(&gains) {
        let fact = format!("granularity: {name} pays from");
        evidence = match pays_from(gains) {
            Err(why) => evidence.doubtful(&fact, why),
            Ok(None) if busy.is_some() && ever(gains) => {
                evidence.doubtful(&fact, "it was seen to pay for some lengths and not for others")
            }
            Ok(None) => {
                match ever(gains) {
                    true => say!("main", "{name}: worth it at one or another length only"),
                    false => say!("main", "{name}: not worth it at any of these lengths"),
                }
                // Longer than the longest that was tried.
                evidence.measured(&fact, f64::from(10 * lengths[lengths.len() - 1]), "µs")
            }
            Ok(Some(length)) => {
                let longer = gains.iter().filter(|(of, _)| *of > length);
                match longer.filter_map(|(_, pays)| *pays).all(|pays| pays) {
                    true => say!("main", "{name}: worth it for tasks of {length} µs and more"),
                    false => say!("main", "{name}: worth it at most lengths from {length} µs on"),
                }
                evidence.measured(&fact, f64::from(length), "µs")
            }
        };
    }
    Ok(evidence.measured("granularity: shortest task", f64::from(lengths[0]), "µs").measured(
        "granularity: longest task",
        f64::from(lengths[lengths.len() - 1]),
        "µs",
    ))
}

/// Whether parallel is faster than serial; `None` where that is the case in some rounds only.
fn pays(gain: Summary) -> Option<bool> {
    match (gain.is_above(PAYS), gain.is_below(PAYS)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Whether there is any length at which parallel is faster than serial.
fn ever(gains: &[(u32, Option<bool>)]) -> bool {
    gains.iter().any(|(_, pays)| *pays == Some(true))
}

/// The shortest length at which parallel is faster than serial, and at most of the longer ones too:
/// one figure that was disturbed shall not decide.
fn pays_from(gains: &[(u32, Option<bool>)]) -> Result<Option<u32>, &'static str> {
    let known: Vec<(u32, bool)> =
        gains.iter().filter_map(|(length, pays)| pays.map(|pays| (*length, pays))).collect();
    if 2 * known.len() < gains.len() {
        return Err("too noisy for most of the lengths");
    }
    let pays: Vec<bool> = known.iter().map(|(_, pays)| *pays).collect();
    let from = (0..pays.len()).find(|from| {
        let rest = &pays[*from..];
        rest[0] && 2 * rest.iter().filter(|pays| **pays).count() > rest.len()
    });
    Ok(from.map(|from| known[from].0))
}

/// Measures the work done by one thread, and given out in each of the three ways.
fn measure(
    sampling: &Sampling,
    cpus: &[usize],
    tasks: usize,
    task: &(dyn Fn() + Sync),
) -> Result<lab::sample::Rounds> {
    let queue = Mutex::new(0usize);
    let deques: Vec<Mutex<Worker<()>>> =
        (0..cpus.len()).map(|_| Mutex::new(Worker::new_lifo())).collect();
    let stealers: Vec<Stealer<()>> = deques.iter().map(|deque| lock(deque).stealer()).collect();
    let pooled = |_: usize| from_one_queue(&queue, task);
    let stolen = |number: usize| from_deques(&lock(&deques[number]), &stealers, number, task);
    Team::keep(cpus, &pooled, |pool| {
        Team::keep(cpus, &stolen, |thieves| {
            sampling.measure(&mut [
                Contestant::timed("one thread", |_| {
                    let _pinned = Pinned::to(cpus[0])?;
                    let start = Instant::now();
                    (0..tasks).for_each(|_| task());
                    Ok(start.elapsed())
                }),
                // Where a new thread begins is for the kernel to choose; those that are kept have
                // each a CPU of their own.
                Contestant::timed(WAYS[0], |_| {
                    let start = Instant::now();
                    a_thread_each(tasks, task)?;
                    Ok(start.elapsed())
                }),
                Contestant::timed(WAYS[1], |_| {
                    let _pinned = Pinned::to(cpus[0])?;
                    let start = Instant::now();
                    *lock(&queue) = tasks;
                    pool.batch(|| pooled(0));
                    Ok(start.elapsed())
                }),
                Contestant::timed(WAYS[2], |_| {
                    let _pinned = Pinned::to(cpus[0])?;
                    let start = Instant::now();
                    (0..tasks).for_each(|_| lock(&deques[0]).push(()));
                    thieves.batch(|| stolen(0));
                    Ok(start.elapsed())
                }),
            ])
        })
    })
}

// ANCHOR: ways
/// A thread for each task.
fn a_thread_each(tasks: usize, task: &(dyn Fn() + Sync)) -> Result<()> {
    for first in (0..tasks).step_by(AT_ONCE) {
        std::thread::scope(|scope| -> Result<()> {
            for _ in first..tasks.min(first + AT_ONCE) {
                spawn(scope, "task", task)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A pool: all take from one queue, which here is the number of tasks that are left.
fn from_one_queue(queue: &Mutex<usize>, task: &(dyn Fn() + Sync)) {
    loop {
        let mut left = lock(queue);
        if *left == 0 {
            break;
        }
        *left -= 1;
        drop(left);
        task();
    }
}

/// Work stealing: each has a queue of its own, and takes half of another's when it is empty.
fn from_deques(own: &Worker<()>, all: &[Stealer<()>], number: usize, task: &(dyn Fn() + Sync)) {
    loop {
        while own.pop().is_some() {
            task();
        }
        let others = all.iter().enumerate().filter(|(other, _)| *other != number);
        let stolen: Vec<Steal<()>> =
            others.map(|(_, other)| other.steal_batch_and_pop(own)).collect();
        if stolen.iter().any(Steal::is_success) {
            stolen.iter().filter(|steal| steal.is_success()).for_each(|_| task());
        } else if stolen.iter().all(Steal::is_empty) {
            break;
        }
    }
}
// ANCHOR_END: ways

// ANCHOR: task
/// Computes for so many steps.
fn compute(steps: u32) {
    let mut value = black_box(1u64);
    for _ in 0..steps {
        value = value.wrapping_mul(6364136223846793005).wrapping_add(1);
    }
    black_box(value);
}
// ANCHOR_END: task

/// How many steps take a microsecond: the most of several tries, for a try may be disturbed.
fn steps_in_a_microsecond() -> u32 {
    const STEPS: u32 = 100_000;
    let tries = (0..9).map(|_| {
        let start = Instant::now();
        compute(STEPS);
        start.elapsed()
    });
    let best = tries.min().unwrap_or(Duration::from_micros(1));
    (f64::from(STEPS) / (best.as_secs_f64() * 1e6)).max(1.0) as u32
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with the lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pays_from_where_on_all_that_is_longer_pays() {
        let around = |gain: f64| Summary::of(vec![gain * 0.99, gain, gain * 1.01]).unwrap();
        let gains = |of: [f64; 3]| -> Vec<_> {
            [1, 10, 100].into_iter().zip(of.map(|gain| pays(around(gain)))).collect()
        };
        assert_eq!(pays_from(&gains([0.2, 1.2, 1.8])), Ok(Some(10)));
        assert_eq!(pays_from(&gains([1.2, 0.9, 1.8])), Ok(Some(1)));
        assert_eq!(pays_from(&gains([1.2, 0.9, 0.8])), Ok(None));
        assert_eq!(pays_from(&gains([1.5, 1.9, 2.0])), Ok(Some(1)));
        assert_eq!(pays_from(&gains([0.5, 0.9, 1.0])), Ok(None));
        assert_eq!(pays_from(&[(1, Some(true)), (10, None)]), Ok(Some(1)));
        assert!(pays_from(&[(1, Some(true)), (10, None), (100, None)]).is_err());
        let swings = Summary::of(vec![0.4, 1.7, 2.0]).unwrap();
        assert_eq!(pays(swings), None, "in some rounds it did not");
    }

    #[test]
    fn every_way_does_every_task_once() {
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
        let done = AtomicUsize::new(0);
        let task = || {
            done.fetch_add(1, Relaxed);
        };
        let own = Worker::new_lifo();
        (0..100).for_each(|_| own.push(()));
        let thief = Worker::new_lifo();
        let all = [own.stealer(), thief.stealer()];
        from_deques(&thief, &all, 1, &task);
        from_deques(&own, &all, 0, &task);
        assert_eq!(done.swap(0, Relaxed), 100);
        from_one_queue(&Mutex::new(100), &task);
        a_thread_each(100, &task).unwrap();
        assert_eq!(done.into_inner(), 200);
    }
}
