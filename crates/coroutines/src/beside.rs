//! Two tasks on one thread: one that only counts its steps, and one beside it that is looked at.

use std::cell::{Cell, RefCell};
use std::future::Future;

use anyhow::Result;

use crate::tasks::{Executor, yield_now};

/// Whether the other task ran before, and its steps from the beginning of this one to its end.
pub fn steps_beside(this: impl Future<Output = Result<()>>) -> Result<(bool, u64)> {
    let (steps, over) = (Cell::new(0), Cell::new(false));
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
        *outcome.borrow_mut() = this.await;
        during.set(steps.get() - before.get());
        over.set(true);
    });
    executor.run();
    // ANCHOR_END: tasks
    drop(executor);
    outcome.into_inner()?;
    Ok((before.get() > 0, during.get()))
}
