//! Each thread adds up in a variable of its own, item by item, and takes the next item from a counter
//! that all share.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{ScopedJoinHandle, scope};

thread_local! {
    static SUM: Cell<u64> = const { Cell::new(0) };
}

pub fn parallel_sum<T: Sync, F: Fn(&T) -> u64 + Sync>(
    items: &[T],
    threads: usize,
    value: F,
) -> u64 {
    let next = AtomicUsize::new(0);
    let add = || {
        SUM.set(0);
        while let Some(item) = items.get(next.fetch_add(1, SeqCst)) {
            let more = value(item);
            SUM.set(SUM.get() + more);
        }
        SUM.get()
    };
    let of = |thread: ScopedJoinHandle<u64>| thread.join().unwrap_or_else(|it| resume_unwind(it));
    scope(|scope| {
        let started = (0..threads.min(items.len())).map(|_| scope.spawn(add));
        let started: Vec<_> = started.collect();
        started.into_iter().map(of).sum()
    })
}
