//! The price of handing on the CPU, from task to task and from thread to thread, measured in turn on
//! one CPU; and the memory of each.

use std::io::{Read, Write};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::{Child, explain_io, status};
use lab::sample::{Comparison, Contestant, Pinned, Rounds, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, proc, say, say_why};

use crate::tasks::{Executor, yield_now};

pub const EXPERIMENT: Experiment = Experiment {
    name: "switch",
    question: "What does it cost to hand on the CPU, and what does each take in memory?",
    claims: &[],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let memory = memory(lab)?;
    let future = size_of_val(&waits(&AtomicU32::new(0)));
    let switches = switches(lab)?;
    let (task, thread) = (switches.sides[1].1, switches.sides[0].1);
    say!("main", "there and back, in turn {}:", switches.place);
    say!("main", "  two tasks    {:>8.3} µs", task.median);
    say!("main", "  two threads  {:>8.3} µs", thread.median);
    match &switches.doubt {
        None => {
            let ratio = switches.ratio;
            say!("main", "a thread's takes {:.1} times a task's ({ratio})", ratio.median)
        }
        Some(doubt) => say_why!("main", "not to be compared: {doubt}"),
    }
    say!("main", "a future that counts and waits: {future} bytes");
    let (task, thread) = (memory.sides[1].1, memory.sides[0].1);
    say!("main", "in memory with all that belongs to it:");
    say!("main", "  a task    {:>6.2} KiB", task.median);
    say!("main", "  a thread  {:>6.2} KiB, without what the kernel keeps", thread.median);
    Ok(Evidence::new()
        .fact("switch: bytes of the future", future)
        .compared("switch there and back: threads / tasks", &switches)
        .compared("memory: thread / task", &memory))
}

fn switches(lab: &Lab) -> Result<Comparison> {
    let _pinned = Pinned::to(*allowed_cpus().last().context("no CPU is allowed")?)?;
    let (turn, over) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (here, turn, over) = (std::thread::current(), &turn, &over);
        let partner = spawn(scope, "partner", move || {
            while !over.load(SeqCst) {
                if turn.swap(0, SeqCst) == 1 {
                    here.unpark();
                }
                std::thread::park();
            }
        })?;
        let partner = partner.thread();
        // ANCHOR: contestants
        let threads = Contestant::new("threads there and back", || {
            turn.store(1, SeqCst);
            partner.unpark();
            while turn.load(SeqCst) == 1 {
                std::thread::park();
            }
            Ok(())
        });
        let tasks = Contestant::timed("tasks there and back", |times| {
            let mut executor = Executor::default();
            for _ in 0..2 {
                executor.spawn(async move {
                    for _ in 0..times {
                        yield_now().await;
                    }
                });
            }
            let start = Instant::now();
            executor.run();
            Ok(start.elapsed())
        });
        // ANCHOR_END: contestants
        let (rounds, batch) = (lab.by_effort(9, 21, 101), Duration::from_millis(1));
        let contestants = &mut [threads.switching(0.8..=1.3), tasks.switching(0.0..=0.01)];
        let measured = Rounds::measure(rounds, batch, contestants);
        over.store(true, SeqCst);
        partner.unpark();
        Ok(measured?.compare(0, 1))
    })
}

async fn waits(count: &AtomicU32) {
    for _ in 0..2 {
        count.fetch_add(1, SeqCst);
        yield_now().await;
    }
}

const TASKS: u32 = 10_000;
const THREADS: u32 = 64;

/// KiB in memory for each thread and task, each round in a process of its own: a process keeps for
/// the next what threads and tasks have given back.
fn memory(lab: &Lab) -> Result<Comparison> {
    let mut pairs = Vec::new();
    for _ in 0..lab.by_effort(3, 5, 21) {
        let (mut from, mut to) = std::io::pipe().map_err(explain_io("pipe"))?;
        // SAFETY: this process has one thread.
        let child = unsafe {
            Child::fork(|| {
                let pair = threads_in_memory().and_then(|one| Ok([one, tasks_in_memory()?]));
                let sent = pair.and_then(|pair| {
                    let bytes = pair.map(f64::to_le_bytes).concat();
                    to.write_all(&bytes).map_err(explain_io("write"))
                });
                status(sent)
            })
        }?;
        drop(to);
        let status = child.wait()?;
        let mut pair = [[0; 8]; 2];
        from.read_exact(pair.as_flattened_mut())
            .with_context(|| format!("the child {}", lab::child::in_words(status)))?;
        pairs.push(pair.map(f64::from_le_bytes));
    }
    Comparison::paired(["a thread in memory", "a task in memory"], "KiB", &pairs)
        .context("there is no round")
}

fn threads_in_memory() -> Result<f64> {
    let before = resident()?;
    let under_way = Barrier::new(THREADS as usize + 1);
    let after = std::thread::scope(|scope| {
        for _ in 0..THREADS {
            spawn(scope, "waiting", || {
                under_way.wait();
                under_way.wait();
            })?;
        }
        under_way.wait();
        let after = resident();
        under_way.wait();
        after
    })?;
    Ok(after.saturating_sub(before) as f64 / f64::from(THREADS))
}

fn tasks_in_memory() -> Result<f64> {
    let before = resident()?;
    let count = AtomicU32::new(0);
    let mut executor = Executor::default();
    for _ in 0..TASKS {
        executor.spawn(waits(&count));
    }
    // All have run and wait.
    for _ in 0..TASKS {
        executor.step();
    }
    Ok(resident()?.saturating_sub(before) as f64 / f64::from(TASKS))
}

/// KiB of this process that are in memory, proc_pid_smaps(5). The sum that the kernel makes takes a
/// few lines; to read all mappings takes memory that grows with the threads.
fn resident() -> Result<usize> {
    let path = "/proc/self/smaps_rollup";
    let text = proc::read(path)?;
    let size = text.lines().find_map(|line| line.strip_prefix("Rss:")?.split_whitespace().next());
    size.and_then(|size| size.parse().ok()).with_context(|| format!("{path}: no Rss"))
}
