//! Tasks that give the pool another task and wait for it. When every thread waits so, nobody is
//! left to run what they wait for.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{LIMIT, late};
use lab::proc::comes_to_block_in;
use lab::{Evidence, Experiment, Lab, TimeLimit, say};

use crate::pool::{Pool, Task};

pub const EXPERIMENT: Experiment = Experiment {
    name: "nested",
    question: "May a task wait for another task of the same pool?",
    claims: &[],
    run,
};

const THREADS: usize = 2;
/// One for each of two threads.
const OUTER: usize = 2;
/// If nothing is done for so long while all sleep, nothing will be.
const PATIENCE: Duration = Duration::from_millis(200);

fn run(_: &Lab) -> Result<Evidence> {
    let waits = outer_tasks(|inner, _| inner.recv().is_ok(), PATIENCE)?;
    say!("main", "{OUTER} tasks on {THREADS} threads are each to wait for a task of the pool");
    if let Some(asleep) = waits.asleep {
        say!("main", "{asleep} threads sleep, {} tasks lie in the queue", waits.queued);
        if asleep == THREADS && waits.queued == OUTER {
            say!("main", "each waits for a task that only they would run");
        }
    }
    say!("main", "{}", outcome(&waits, PATIENCE));
    if waits.done < OUTER {
        say!("main", "with one thread more, {} of {OUTER} come to their end", waits.done_with_help);
    }
    let helps = outer_tasks(wait_and_help, LIMIT)?;
    say!("main", "the same, but they are to run what is in the queue meanwhile");
    say!("main", "{}", outcome(&helps, LIMIT));
    let evidence = Evidence::new()
        .fact("nested: outer tasks", OUTER)
        .fact("nested: done", waits.done)
        .fact("nested: left in the queue", waits.queued)
        .fact("nested: done with one thread more", waits.done_with_help)
        .fact("nested: done when waiting tasks help", helps.done);
    Ok(match waits.asleep {
        Some(asleep) => evidence.fact("nested: threads asleep", asleep),
        None => evidence.missing("nested: threads asleep", "/proc does not show who sleeps"),
    })
}

/// A deadlock is said where all are seen to sleep and nobody is left to run what they wait for.
fn outcome(seen: &Seen, patience: Duration) -> String {
    let stuck = seen.asleep == Some(THREADS) && seen.queued > 0;
    let (what, after) = (if stuck { "deadlock: " } else { "" }, patience.as_millis());
    match seen.done {
        OUTER => format!("all {OUTER} are done"),
        0 => format!("{what}none of {OUTER} is done after {after} ms"),
        done => format!("{what}{done} of {OUTER} are done after {after} ms"),
    }
}

// ANCHOR: help
/// Takes tasks out of the queue until the awaited one has been done.
fn wait_and_help(inner: &Receiver<()>, queue: &crossbeam::channel::Receiver<Task>) -> bool {
    loop {
        if inner.try_recv().is_ok() {
            return true;
        }
        match queue.recv_timeout(Duration::from_millis(1)) {
            Ok(task) => task(),
            Err(timeout) if timeout.is_timeout() => {}
            Err(_) => return inner.recv().is_ok(),
        }
    }
}
// ANCHOR_END: help

/// What has become of the outer tasks.
struct Seen {
    done: usize,
    queued: usize,
    asleep: Option<usize>,
    done_with_help: usize,
}

/// How an outer task waits for its inner one.
type Wait = fn(&Receiver<()>, &crossbeam::channel::Receiver<Task>) -> bool;

fn outer_tasks(wait: Wait, patience: Duration) -> Result<Seen> {
    let mut pool = Pool::new(THREADS)?;
    let done = Arc::new(AtomicUsize::new(0));
    // Both have begun before either gives the pool another task.
    let begun = Arc::new(Barrier::new(OUTER));
    for _ in 0..OUTER {
        let (done, begun) = (done.clone(), begun.clone());
        let (into_queue, queue) = (pool.sender(), pool.queue().clone());
        // ANCHOR: outer
        pool.execute(move || {
            begun.wait();
            let (tell, told) = channel();
            let inner: Task = Box::new(move || {
                let _ = tell.send(());
            });
            if into_queue.send(inner).is_ok() && wait(&told, &queue) {
                done.fetch_add(1, SeqCst);
            }
        });
        // ANCHOR_END: outer
    }
    comes_to(&done, OUTER, patience);
    let seen = pool.tids().iter().map(|tid| comes_to_block_in(*tid, libc::SYS_futex, PATIENCE));
    let asleep = seen.collect::<Result<Vec<bool>>>().ok();
    let (before, queued) = (done.load(SeqCst), pool.queue().len());
    let helped = match before < OUTER {
        true => pool.add_thread().context("no thread to end the deadlock with"),
        false => Ok(()),
    };
    let ends = helped.and_then(|()| match comes_to(&done, OUTER, LIMIT) {
        true => Ok(()),
        false => Err(late("the tasks did not end with one thread more")),
    });
    if let Err(error) = ends {
        // A pool that is stuck could not be dropped.
        std::mem::forget(pool);
        return Err(error);
    }
    Ok(Seen {
        done: before,
        queued,
        asleep: asleep.map(|asleep| asleep.into_iter().filter(|is| *is).count()),
        done_with_help: done.load(SeqCst),
    })
}

/// Whether so many are done within the limit.
fn comes_to(done: &AtomicUsize, wanted: usize, limit: Duration) -> bool {
    let mut limit = TimeLimit::new(limit);
    while done.load(SeqCst) < wanted && !limit.is_over() {
        std::thread::sleep(Duration::from_millis(1));
    }
    done.load(SeqCst) >= wanted
}
