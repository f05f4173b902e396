//! One computes and does not let go. Among tasks, all others stand still until it has finished;
//! among threads on one CPU the kernel takes the CPU away from it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::sample::{Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::sched::sched_getcpu;

use crate::beside::steps_beside;
use crate::kernel::{compute, used};
use crate::tasks::yield_now;

pub const EXPERIMENT: Experiment = Experiment {
    name: "starve",
    question: "One computes and does not let go. Do the others run?",
    claims: &["coroutines-are-cooperative"],
    run,
};

/// How long the greedy one computes.
const LONG: Duration = Duration::from_millis(60);
/// In so many pieces, and after each it may give way.
const PIECES: u32 = 60;

fn run(_: &Lab) -> Result<Evidence> {
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    let _pinned = Pinned::to(cpu)?;
    let greedy = steps_beside(computes(false))?;
    let task = greedy.steps;
    let (long, piece) = (LONG.as_millis(), (LONG / PIECES).as_millis());
    say!("task", "computes for {long} ms without an await; the other took {task} steps");
    let polite = steps_beside(computes(true))?.steps;
    say!("task", "awaits every {piece} ms; the other took {polite} steps");
    let other = beside_a_thread(cpu)?;
    let ran = if other.steps > 0 { "ran too" } else { "did not run" };
    let place = if other.same_cpu { "on the same CPU" } else { "not always on the same CPU" };
    say!("thread", "computes for {long} ms {place}; the other {ran}");
    match other.taken {
        0 => say!("thread", "the kernel never took the CPU away from it"),
        taken => {
            let every = LONG.as_secs_f64() * 1e3 / taken as f64;
            say!("thread", "the kernel took the CPU away from it every {every:.1} ms");
        }
    }
    Ok(Evidence::new()
        .fact("starve: the other task ran before", greedy.ran_before)
        .fact("starve: steps beside a task that does not await", task)
        .fact("starve: steps beside a task that awaits", polite)
        .fact("starve: the other thread ran before", other.ran_before)
        .fact("starve: both threads were on the same CPU", other.same_cpu)
        .fact("starve: another thread ran beside one that computes", other.steps > 0)
        .measured("starve: steps beside a thread that computes", other.steps, "steps")
        .measured("starve: CPU taken from the thread", other.taken, "times"))
}

// ANCHOR: task
/// Computes, and lets others run now and then or not at all.
async fn computes(awaits: bool) -> Result<()> {
    for _ in 0..PIECES {
        compute(LONG / PIECES)?;
        if awaits {
            yield_now().await;
        }
    }
    Ok(())
}
// ANCHOR_END: task

/// What another thread did while one computes.
struct BesideThread {
    ran_before: bool,
    /// Its steps meanwhile.
    steps: u64,
    /// How often the kernel took the CPU away from the one that computes.
    taken: i64,
    /// Whether both were on that CPU whenever they looked.
    same_cpu: bool,
}

/// Computes on this CPU beside another thread.
fn beside_a_thread(cpu: usize) -> Result<BesideThread> {
    let (steps, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let elsewhere = AtomicBool::new(false);
    let look = || {
        if sched_getcpu() != Ok(cpu) {
            elsewhere.store(true, SeqCst);
        }
    };
    std::thread::scope(|scope| {
        spawn(scope, "other", || {
            while !over.load(SeqCst) {
                steps.fetch_add(1, SeqCst);
                look();
                std::thread::yield_now();
            }
        })?;
        let computed = (|| {
            while steps.load(SeqCst) == 0 {
                std::thread::yield_now();
            }
            look();
            let (before, taken) = (steps.load(SeqCst), used()?.involuntary_context_switches());
            compute(LONG)?;
            let taken = used()?.involuntary_context_switches() - taken;
            look();
            let (ran_before, steps) = (before > 0, steps.load(SeqCst) - before);
            Ok(BesideThread { ran_before, steps, taken, same_cpu: !elsewhere.load(SeqCst) })
        })();
        over.store(true, SeqCst);
        computed
    })
}
