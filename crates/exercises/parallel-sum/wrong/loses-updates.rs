//! Reads the common sum and writes it back in two steps: an addition in between is lost.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    let length = items.len().div_ceil(threads).max(1);
    let sum = AtomicU64::new(0);
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for piece in items.chunks(length) {
            let sum = &sum;
            workers.push(scope.spawn(move || {
                let own: u64 = piece.iter().map(value).sum();
                sum.store(sum.load(Ordering::SeqCst) + own, Ordering::SeqCst);
            }));
        }
        for worker in workers {
            if let Err(payload) = worker.join() {
                resume_unwind(payload);
            }
        }
    });
    sum.into_inner()
}
