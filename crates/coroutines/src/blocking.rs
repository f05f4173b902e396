//! A task that blocks the thread blocks all tasks, by a system call or by a lock whose owner waits on
//! the same thread.

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::explain_io;
use lab::{Evidence, Experiment, Lab, say};

use crate::beside::steps_beside;
use crate::tasks::{Executor, yield_now};

pub const EXPERIMENT: Experiment = Experiment {
    name: "blocking",
    question: "What if a task calls something that blocks?",
    claims: &["coroutines-are-cooperative"],
    run,
};

const LONG: Duration = Duration::from_millis(30);

fn run(_: &Lab) -> Result<Evidence> {
    let blocked = steps_beside(async {
        std::thread::sleep(LONG);
        Ok(())
    })?;
    say!("task", "sleeps in a system call; the other took {} steps", blocked.steps);
    let handed_over = steps_beside(on_another_thread(|| std::thread::sleep(LONG)))?;
    match handed_over.steps {
        0 => say!("task", "awaits a thread that sleeps; the other took 0 steps"),
        steps => {
            let each = handed_over.time.as_secs_f64() * 1e6 / steps as f64;
            say!("task", "awaits a thread that sleeps; the other steps every {each:.2} µs");
        }
    }

    let across = is_free(true)?;
    say!("task", "keeps a guard across an await: for another the lock {}", state(across));
    if !across {
        say!("task", "lock() there may put the only thread to sleep: a deadlock");
    }
    let before = is_free(false)?;
    say!("task", "drops it before the await: for another the lock {}", state(before));
    Ok(Evidence::new()
        .fact("blocking: the other task ran before", blocked.ran_before)
        .fact("blocking: steps beside a task that blocks", blocked.steps)
        .fact("blocking: the other task ran beside one that awaits a thread", handed_over.steps > 0)
        .measured("blocking: steps beside a task that awaits a thread", handed_over.steps, "steps")
        .fact("blocking: guard across await: lock is free", across)
        .fact("blocking: guard dropped before await: lock is free", before))
}

fn state(free: bool) -> &'static str {
    if free { "is free" } else { "is taken" }
}

// ANCHOR: thread
/// Lets a thread make a call that blocks, and wakes the task when it has returned.
async fn on_another_thread(call: impl FnOnce() + Send + 'static) -> Result<()> {
    let shared = Arc::new(Mutex::new((false, None::<Waker>)));
    let for_thread = shared.clone();
    let thread: JoinHandle<()> = Builder::new()
        .spawn(move || {
            call();
            let mut shared = for_thread.lock().expect("nobody panics while holding it");
            shared.0 = true;
            if let Some(waker) = shared.1.take() {
                waker.wake();
            }
        })
        .map_err(explain_io("thread"))?;
    poll_fn(|context| {
        let mut shared = shared.lock().expect("nobody panics while holding it");
        if shared.0 {
            return Poll::Ready(());
        }
        shared.1 = Some(context.waker().clone());
        Poll::Pending
    })
    .await;
    thread.join().ok().context("the thread has panicked")
}
// ANCHOR_END: thread

// ANCHOR: guard
/// Whether a lock is free for a second task while the first waits.
#[expect(clippy::await_holding_lock, reason = "clippy warns of what is shown here")]
fn is_free(across: bool) -> Result<bool> {
    let (lock, free) = (Mutex::new(0), Cell::new(None));
    let mut executor = Executor::default();
    executor.spawn(async {
        let mut guard = lock.lock().expect("nobody panics while holding it");
        *guard += 1;
        let kept = across.then_some(guard);
        yield_now().await;
        drop(kept);
    });
    executor.spawn(async { free.set(Some(lock.try_lock().is_ok())) });
    executor.run();
    drop(executor);
    free.get().context("the second task did not run")
}
// ANCHOR_END: guard
