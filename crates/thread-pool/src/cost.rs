//! A thread for each task, a pool that is asked for one task at a time, and a pool that is given
//! many at once: what a task costs in the end, by its size. Everything on one CPU.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::{LIMIT, explain_io};
use lab::sample::{Comparison, Contestant, Pinned, Sampling, TOLERANCE, allowed_cpus};
use lab::{Evidence, Experiment, Lab, say, say_why};

use crate::pool::Pool;
use crate::work::Speed;

pub const EXPERIMENT: Experiment = Experiment {
    name: "cost",
    question: "What does a pool save, and for which tasks?",
    claims: &["pool-reuse-faster"],
    run,
};

/// How many tasks are handed over before their ends are waited for.
const AT_ONCE: u32 = 256;

const SIZES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_micros(10),
    Duration::from_micros(100),
    Duration::from_millis(1),
];

/// What a task of this size is called.
fn name(size: Duration) -> String {
    match size.as_micros() {
        0 => "empty task".to_owned(),
        micros if micros % 1000 == 0 => format!("{} ms task", micros / 1000),
        micros => format!("{micros} µs task"),
    }
}

fn run(lab: &Lab) -> Result<Evidence> {
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    // Threads that are made from now on stay on this CPU, too.
    let _pinned = Pinned::to(cpu)?;
    let speed = Speed::measured();
    let pool = Pool::new(1)?;
    say!("main", "all on CPU {cpu}, µs a task; the ratio: a thread each to pool");
    say!(
        "main",
        "{:<11}{:>12}{:>8}{:>8}{:>8}  p10 to p90",
        "",
        "thread each",
        "pool",
        "at once",
        "ratio"
    );
    let mut evidence = Evidence::new();
    for size in SIZES {
        let name = name(size);
        let (pool, at_once) = measure(lab, &pool, speed, size)?;
        let [(_, each), (_, one)] = &pool.sides;
        let (_, many) = &at_once.sides[1];
        let (each, one, many) = (each.median, one.median, many.median);
        match &pool.doubt {
            None => say!(
                "main",
                "{name:<11}{each:>12.1}{one:>8.1}{many:>8.1}{:>6.2} x  {}",
                pool.ratio.median,
                pool.ratio
            ),
            Some(why) => say_why!("main", "{name:<12}{why}"),
        }
        let named = |way: &str| format!("{name}: {way}");
        evidence = evidence
            .compared(
                &named("a thread each / pool"),
                &pool.named(&named("a thread each"), &named("pool, one at a time")),
            )
            .compared(
                &named("a thread each / pool, at once"),
                &at_once.named(&named("a thread each"), &named("pool, many at once")),
            );
    }
    Ok(evidence)
}

/// The three ways in turn, for tasks of one size.
fn measure(
    lab: &Lab,
    pool: &Pool,
    speed: Speed,
    size: Duration,
) -> Result<(Comparison, Comparison)> {
    let task = move || speed.compute(size);
    let sampling = Sampling {
        rounds: lab.by_effort(9, 15, 41),
        batch: Duration::from_micros(lab.by_effort(500, 1_000, 4_000)),
        tolerance: TOLERANCE,
    };
    // ANCHOR: ways
    let thread_each = |times| {
        let start = Instant::now();
        for _ in 0..times {
            let thread = std::thread::Builder::new().spawn(task).map_err(explain_io("thread"))?;
            thread.join().ok().context("a task panicked")?;
        }
        Ok(start.elapsed())
    };
    let one_at_a_time = |times| {
        let start = Instant::now();
        for _ in 0..times {
            on_pool(pool, 1, task)?;
        }
        Ok(start.elapsed())
    };
    let many_at_once = |times: u32| {
        let start = Instant::now();
        for first in (0..times).step_by(AT_ONCE as usize) {
            on_pool(pool, AT_ONCE.min(times - first), task)?;
        }
        Ok(start.elapsed())
    };
    // ANCHOR_END: ways
    let rounds = sampling.measure(&mut [
        Contestant::timed("a thread each", thread_each),
        Contestant::timed("pool, one at a time", one_at_a_time),
        Contestant::timed("pool, many at once", many_at_once),
    ])?;
    Ok((rounds.compare(0, 1), rounds.compare(0, 2)))
}

/// Hands over so many tasks and waits until all are done.
fn on_pool(pool: &Pool, tasks: u32, task: impl Fn() + Copy + Send + 'static) -> Result<()> {
    let (tell, told) = mpsc::channel();
    for number in 1..=tasks {
        // One thread takes the tasks in order: the last one says that all are done.
        let tell = (number == tasks).then(|| tell.clone());
        pool.execute(move || {
            task();
            tell.map(|tell| tell.send(()));
        });
    }
    told.recv_timeout(LIMIT).context("the tasks were not done in time")
}
