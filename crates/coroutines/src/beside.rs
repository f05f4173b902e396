//! Two tasks on one thread: one that only counts its steps, and one beside it that is looked at.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::tasks::{Executor, yield_now};

/// What the other task did.
pub struct Beside {
    /// Whether it ran before this one began.
    pub ran_before: bool,
    /// Its steps from the beginning of this one to its end.
    pub steps: u64,
    /// How long that was.
    pub time: Duration,
}

/// Runs this task and the other.
pub fn steps_beside(this: impl Future<Output = Result<()>>) -> Result<Beside> {
    let (steps, over, time) = (Cell::new(0), Cell::new(false), Cell::new(Duration::ZERO));
    let (before, during, outcome) = (Cell::new(0), Cell::new(0), RefCell::new(Ok(())));
    let mut executor = Executor::default();
    // ANCHOR: tasks
    executor.spawn(async {
        while !over.get() {
            steps.set(steps.get() + 1);
            yield_now().await;
        }
    });
    executor.spawn(async {
        before.set(steps.get());
        let start = Instant::now();
        *outcome.borrow_mut() = this.await;
        time.set(start.elapsed());
        during.set(steps.get() - before.get());
        over.set(true);
    });
    executor.run();
    // ANCHOR_END: tasks
    drop(executor);
    outcome.into_inner()?;
    Ok(Beside { ran_before: before.get() > 0, steps: during.get(), time: time.get() })
}
