//! Starts a thread for each item, however many there are.

use std::panic::resume_unwind;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let _ = threads;
    let value = &value;
    thread::scope(|scope| {
        let workers: Vec<_> =
            items.iter().map(|item| scope.spawn(move || value(item))).collect();
        let sums = workers.into_iter().map(|worker| worker.join());
        sums.map(|sum| sum.unwrap_or_else(|payload| resume_unwind(payload))).sum()
    })
}
