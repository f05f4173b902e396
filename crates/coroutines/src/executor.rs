//! 100,000 tasks that are all under way at the same time, on one thread: the kernel does not know
//! of them. Threads, for comparison, it counts.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::Barrier;

use anyhow::Result;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::kernel::{threads, used};
use crate::tasks::{Executor, yield_now};

pub const EXPERIMENT: Experiment = Experiment {
    name: "executor",
    question: "What does the kernel see of 100,000 tasks?",
    claims: &["coroutines-are-cooperative"],
    run,
};

const TASKS: u32 = 100_000;
const YIELDS: u32 = 3;
const THREADS: u32 = 16;

fn run(_: &Lab) -> Result<Evidence> {
    let before = threads()?;
    let (begun, ended) = (Cell::new(0), Cell::new(0));
    let ran_on = RefCell::new(HashSet::new());
    // ANCHOR: tasks
    let mut executor = Executor::default();
    for _ in 0..TASKS {
        executor.spawn(async {
            begun.set(begun.get() + 1);
            for _ in 0..YIELDS {
                ran_on.borrow_mut().insert(std::thread::current().id());
                yield_now().await;
            }
            ended.set(ended.get() + 1);
        });
    }
    // ANCHOR_END: tasks
    let switches = used()?.voluntary_context_switches();
    let mut steps = 0;
    while steps < TASKS && executor.step() {
        steps += 1;
    }
    let (under_way, seen) = (begun.get() - ended.get(), threads()? - before);
    steps += executor.run();
    let switches = used()?.voluntary_context_switches() - switches;
    let ran_on = ran_on.borrow().len();
    say!("executor", "{under_way} tasks are under way; threads in /proc: {seen} more");
    say!("executor", "{steps} steps on {ran_on} thread, {} tasks came to their end", ended.get());
    say!("executor", "meanwhile the thread itself went to sleep {switches} times");

    let more = started_threads()?;
    say!("main", "{THREADS} threads are under way; threads in /proc: {more} more");
    Ok(Evidence::new()
        .fact("executor: tasks", TASKS)
        .fact("executor: tasks under way at once", under_way)
        .fact("executor: tasks that came to their end", ended.get())
        .fact("executor: steps", steps)
        .fact("executor: threads that ran tasks", ran_on)
        .fact("executor: threads that the tasks added", seen)
        .fact("executor: threads that threads added", more)
        .measured("executor: sleeps of the thread", switches, "switches"))
}

/// How many threads /proc shows more while some are under way.
fn started_threads() -> Result<u32> {
    let before = threads()?;
    let under_way = Barrier::new(THREADS as usize + 1);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            spawn(scope, "waiting", || under_way.wait())?;
        }
        let seen = threads();
        under_way.wait();
        Ok(seen? - before)
    })
}
