//! Who runs when: tasks follow one and the same order in all runs, threads do not. And a task can be
//! dropped where it waits, and nowhere else.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::{Barrier, Mutex};

use anyhow::Result;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::tasks::{Executor, yield_now};

pub const EXPERIMENT: Experiment = Experiment {
    name: "order",
    question: "Who decides when a task runs, and where it ends?",
    claims: &["coroutines-finer-control"],
    run,
};

const TURNS: u32 = 100;
const RUNS: u32 = 1000;

fn run(lab: &Lab) -> Result<Evidence> {
    let traces: HashSet<Vec<u32>> = (0..RUNS).map(|_| trace_of_tasks()).collect();
    let shortest = traces.iter().map(Vec::len).min().unwrap_or(0);
    let tasks = traces.len();
    let who = traces.iter().flatten().collect::<HashSet<_>>().len();
    let turns = shortest / who.max(1);
    say!("tasks", "{who} tasks, {turns} turns each, {RUNS} runs: different orders: {tasks}");
    let runs = lab.by_effort(100, 300, 1000);
    let mut traces = HashSet::new();
    for _ in 0..runs {
        traces.insert(trace_of_threads()?);
    }
    let threads = traces.len();
    let new = threads as f64 / f64::from(runs) * 100.0;
    let who = traces.iter().flatten().collect::<HashSet<_>>().len();
    say!("threads", "{who} threads, {TURNS} turns each: a new order in {new:.1} % of runs");

    let (mut made, mut dropped, mut halves) = (0, 0, 0);
    for steps in 1..=STEPS {
        let seen = cancelled_after(steps);
        if steps == 2 {
            let did = if seen.waited { "is dropped" } else { "has ended or not begun" };
            say!("cancel", "a task of {STEPS} steps {did} after {}", seen.begun);
            let did = if seen.dropped { "has run" } else { "has not run" };
            say!("cancel", "the destructor of what it holds {did}");
        }
        made += u32::from(seen.waited);
        dropped += u32::from(seen.dropped);
        halves += seen.begun - seen.ended;
    }
    say!("cancel", "dropped {made} times, each after another number of steps:");
    say!("cancel", "{halves} steps were left half done");
    Ok(Evidence::new()
        .fact("order: turns in a trace of tasks", shortest)
        .fact("order: runs of tasks", RUNS)
        .fact("order: different traces of tasks", tasks)
        .fact("order: more than one trace of threads", threads > 1)
        .measured("order: runs of threads", runs, "runs")
        .measured("order: different traces of threads", threads, "traces")
        .fact("cancel: tasks dropped while they wait", made)
        .fact("cancel: destructors that ran", dropped)
        .fact("cancel: steps left half done", halves))
}

// ANCHOR: traces
fn trace_of_tasks() -> Vec<u32> {
    let trace = RefCell::new(Vec::new());
    let mut executor = Executor::default();
    for who in [0, 1, 2] {
        let trace = &trace;
        executor.spawn(async move {
            for _ in 0..TURNS {
                trace.borrow_mut().push(who);
                yield_now().await;
            }
        });
    }
    executor.run();
    drop(executor);
    trace.into_inner()
}

fn trace_of_threads() -> Result<Vec<u32>> {
    let (trace, start) = (Mutex::new(Vec::new()), Barrier::new(3));
    std::thread::scope(|scope| {
        for who in [0, 1, 2] {
            let (trace, start) = (&trace, &start);
            spawn(scope, "turns", move || {
                start.wait();
                for _ in 0..TURNS {
                    trace.lock().expect("nobody panics while holding it").push(who);
                    std::thread::yield_now();
                }
            })?;
        }
        anyhow::Ok(())
    })?;
    Ok(trace.into_inner().expect("nobody panics while holding it"))
}
// ANCHOR_END: traces

const STEPS: u32 = 5;

/// What a task had done when it was dropped.
struct Cancelled {
    /// Whether it waited at an await: it had begun and not ended.
    waited: bool,
    begun: u32,
    ended: u32,
    dropped: bool,
}

/// Something that must be given back: sets its flag when it is dropped.
struct Held<'a>(&'a Cell<bool>);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

// ANCHOR: cancel
fn cancelled_after(steps: u32) -> Cancelled {
    let (begun, ended, dropped) = (Cell::new(0), Cell::new(0), Cell::new(false));
    let mut executor = Executor::default();
    let task = executor.spawn(async {
        let _held = Held(&dropped);
        for _ in 0..STEPS {
            begun.set(begun.get() + 1);
            ended.set(ended.get() + 1);
            yield_now().await;
        }
    });
    for _ in 0..steps {
        executor.step();
    }
    let waited = executor.cancel(task) && begun.get() > 0;
    Cancelled { waited, begun: begun.get(), ended: ended.get(), dropped: dropped.get() }
}
// ANCHOR_END: cancel
