//! Gives each thread a copy of its items, which not every type has, and which costs memory.

use std::panic::resume_unwind;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Clone + Send + Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    let length = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for piece in items.chunks(length) {
            let piece = piece.to_vec();
            workers.push(scope.spawn(move || piece.iter().map(value).sum::<u64>()));
        }
        let sums = workers.into_iter().map(|worker| worker.join());
        sums.map(|sum| sum.unwrap_or_else(|payload| resume_unwind(payload))).sum()
    })
}
