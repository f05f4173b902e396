//! One CPU, and one to eight threads for the same sixteen tasks: tasks that compute, tasks that
//! wait, and tasks that do both.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::sample::{Comparison, Pinned, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, say};

use crate::pool::Pool;
use crate::work::Speed;

pub const EXPERIMENT: Experiment = Experiment {
    name: "size",
    question: "How many threads should a pool have for one CPU?",
    claims: &[],
    run,
};

const TASKS: usize = 16;
const THREADS: [usize; 4] = [1, 2, 4, 8];
const TIME: Duration = Duration::from_millis(1);
/// From here on the threads beyond the first were worth it, on a machine that is busy as well.
const GAIN: f64 = 3.0;

fn run(lab: &Lab) -> Result<Evidence> {
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    let _pinned = Pinned::to(cpu)?;
    let speed = Speed::measured();
    // ANCHOR: kinds
    let compute = move || speed.compute(TIME);
    let wait = move || sleep(TIME);
    let both = move || {
        compute();
        wait();
    };
    // ANCHOR_END: kinds
    let ([one, two, four, eight], ms) = (THREADS, TIME.as_millis());
    let word = if one == 1 { "thread" } else { "threads" };
    say!("main", "{TASKS} tasks on CPU {cpu}: how many times faster than with {one} {word}");
    say!("main", "{:<26}{:>9}{four:>10}{eight:>10}", "", format!("{two} threads"));
    let rounds = lab.by_effort(3, 5, 15);
    let computing = row(&format!("compute {ms} ms"), rounds, compute)?;
    let waiting = row(&format!("wait {ms} ms"), rounds, wait)?;
    let mixed = row(&format!("compute {ms} ms, wait {ms} ms"), rounds, both)?;
    let gain = |row: &[Comparison]| row.last().map_or(0.0, |eight| eight.ratio.median);
    let mut evidence = Evidence::new()
        .fact(&format!("size: {eight} threads that compute gain much"), gain(&computing) > GAIN)
        .fact(&format!("size: {eight} threads that wait gain much"), gain(&waiting) > GAIN);
    for (name, row) in [("compute", computing), ("wait", waiting), ("both", mixed)] {
        for (threads, comparison) in THREADS[1..].iter().zip(row) {
            let comparison =
                comparison.named(&format!("{name}, 1 thread"), &format!("{name}, {threads}"));
            evidence = evidence.compared(&format!("{name}: 1 / {threads} threads"), &comparison);
        }
    }
    Ok(evidence)
}

/// One kind of task with all numbers of threads, in turn: each against one thread.
fn row(
    name: &str,
    rounds: usize,
    task: impl Fn() + Copy + Send + 'static,
) -> Result<Vec<Comparison>> {
    let mut took = Vec::new();
    for _ in 0..rounds {
        let round = THREADS.map(|threads| time(threads, task));
        took.push(round.into_iter().collect::<Result<Vec<f64>>>()?);
    }
    let against_one = |which: usize| {
        let pairs: Vec<[f64; 2]> = took.iter().map(|round| [round[0], round[which]]).collect();
        Comparison::paired(["1 thread", "more"], "ms", &pairs).context("there is no round")
    };
    let row = (1..THREADS.len()).map(against_one).collect::<Result<Vec<Comparison>>>()?;
    let figures: Vec<Summary> = row.iter().map(|comparison| comparison.ratio).collect();
    let [two, four, eight] = &figures[..] else { unreachable!("there are three") };
    say!("main", "{name:<26}{:>7.1} x{:>8.1} x{:>8.1} x", two.median, four.median, eight.median);
    Ok(row)
}

/// Milliseconds for all tasks with so many threads. The threads are made before and end after.
fn time(threads: usize, task: impl Fn() + Copy + Send + 'static) -> Result<f64> {
    let pool = Pool::new(threads)?;
    let start = Instant::now();
    for _ in 0..TASKS {
        pool.execute(task);
    }
    drop(pool);
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
