//! Keeps the sum in a static: two calls at the same time add to each other's.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

static SUM: AtomicU64 = AtomicU64::new(0);

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    SUM.store(0, Ordering::SeqCst);
    let add = |item: &T| {
        SUM.fetch_add(value(item), Ordering::SeqCst);
    };
    let add = &add;
    let length = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let pieces = items.chunks(length);
        let workers: Vec<_> =
            pieces.map(|piece| scope.spawn(move || piece.iter().for_each(add))).collect();
        for worker in workers {
            worker.join().unwrap_or_else(|payload| resume_unwind(payload));
        }
    });
    SUM.load(Ordering::SeqCst)
}
