//! Threads of one process see each other's writes at the same addresses, wherever those are.
//! When they see them is another matter: that takes synchronisation.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};

use anyhow::Result;
use lab::child::explain_io;
use lab::{Evidence, Experiment, Lab, say};

pub const EXPERIMENT: Experiment = Experiment {
    name: "threads",
    question: "Does a write in one thread reach another?",
    claims: &["threads-share-memory"],
    run,
};

static VALUE: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static OWN: Cell<u64> = const { Cell::new(0) };
}

fn run(_: &Lab) -> Result<Evidence> {
    let here = VALUE.as_ptr() as usize;
    let mut on_stack = 0;
    let mut on_heap = Box::new(0);
    say!("main", "VALUE is {} at {here:#x}", VALUE.load(Ordering::SeqCst));

    let there = thread::scope(|scope| {
        let writer = spawn(scope, || {
            VALUE.store(42, Ordering::SeqCst);
            (on_stack, *on_heap) = (43, 44);
            OWN.set(45);
            say!("writer", "writes 42 to VALUE at {:p}", VALUE.as_ptr());
            say!("writer", "writes 43 to main's stack, 44 to its heap, 45 to a thread-local");
            VALUE.as_ptr() as usize
        })?;
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))
    })?;

    let value = VALUE.load(Ordering::SeqCst);
    say!("main", "finds {value}, {on_stack} and {on_heap}; its thread-local is {}", OWN.get());
    let right = published()?;
    say!("main", "while another thread wrote {ITEMS} items, it read {right} of them right");
    Ok(Evidence::new()
        .fact("threads: both use the same address", here == there)
        .fact("thread: other sees the write", value == 42 && on_stack == 43 && *on_heap == 44)
        .fact("thread-local: other sees the write", OWN.get() == 45)
        .fact("published items", ITEMS)
        .fact("published items read right", right))
}

const ITEMS: usize = 100_000;

// ANCHOR: published
/// Reads items while another thread writes them, and counts those that are right. Release and
/// Acquire order them: who sees the count sees what was written before it was raised.
fn published() -> Result<usize> {
    let items: Vec<AtomicU64> = (0..ITEMS).map(|_| AtomicU64::new(0)).collect();
    let ready = AtomicUsize::new(0);
    let wanted = |index: usize| index as u64 * 7 + 1;
    thread::scope(|scope| {
        spawn(scope, || {
            for (index, item) in items.iter().enumerate() {
                item.store(wanted(index), Ordering::Relaxed);
                ready.store(index + 1, Ordering::Release);
            }
        })?;
        let (mut seen, mut right) = (0, 0);
        while seen < ITEMS {
            let now = ready.load(Ordering::Acquire);
            if now == seen {
                thread::yield_now();
            }
            right +=
                (seen..now).filter(|i| items[*i].load(Ordering::Relaxed) == wanted(*i)).count();
            seen = now;
        }
        Ok(right)
    })
}
// ANCHOR_END: published

/// Starts a scoped thread, or says why there can be none.
fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    body: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    thread::Builder::new().spawn_scoped(scope, body).map_err(explain_io("thread"))
}
