//! Iterators are lazy: each thread is joined before the next one is started.

use std::panic::resume_unwind;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    let length = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        items
            .chunks(length)
            .map(|piece| scope.spawn(move || piece.iter().map(value).sum::<u64>()))
            .map(|worker| worker.join().unwrap_or_else(|payload| resume_unwind(payload)))
            .sum()
    })
}
