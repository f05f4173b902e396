//! One computes and does not let go. Among tasks, all others stand still until it has finished;
//! among threads on one CPU the kernel takes the CPU away from it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::sample::{Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

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
    let _pinned = Pinned::to(*allowed_cpus().last().context("no CPU is allowed")?)?;
    let (ran_before, task) = steps_beside(computes(false))?;
    let (long, piece) = (LONG.as_millis(), (LONG / PIECES).as_millis());
    say!("task", "computes for {long} ms without an await; the other took {task} steps");
    let (_, polite) = steps_beside(computes(true))?;
    say!("task", "awaits every {piece} ms; the other took {polite} steps");
    let (thread_before, thread, taken) = beside_a_thread()?;
    let ran = if thread > 0 { "ran too" } else { "did not run" };
    say!("thread", "computes for {long} ms on the same CPU; the other {ran}");
    match taken {
        0 => say!("thread", "the kernel never took the CPU away from it"),
        _ => {
            let every = LONG.as_secs_f64() * 1e3 / taken as f64;
            say!("thread", "the kernel took the CPU away from it every {every:.1} ms");
        }
    }
    Ok(Evidence::new()
        .fact("starve: the other task ran before", ran_before)
        .fact("starve: steps beside a task that does not await", task)
        .fact("starve: steps beside a task that awaits", polite)
        .fact("starve: the other thread ran before", thread_before)
        .fact("starve: another thread ran beside one that computes", thread > 0)
        .measured("starve: steps beside a thread that computes", thread, "steps")
        .measured("starve: CPU taken from the thread", taken, "times"))
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

/// Whether another thread ran before, its steps while one computes on the same CPU, and how often the
/// kernel took the CPU away from that one.
fn beside_a_thread() -> Result<(bool, u64, i64)> {
    let (steps, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        spawn(scope, "other", || {
            while !over.load(SeqCst) {
                steps.fetch_add(1, SeqCst);
                std::thread::yield_now();
            }
        })?;
        let computed = (|| {
            while steps.load(SeqCst) == 0 {
                std::thread::yield_now();
            }
            let (before, taken) = (steps.load(SeqCst), used()?.involuntary_context_switches());
            compute(LONG)?;
            let taken = used()?.involuntary_context_switches() - taken;
            Ok((before > 0, steps.load(SeqCst) - before, taken))
        })();
        over.store(true, SeqCst);
        computed
    })
}
