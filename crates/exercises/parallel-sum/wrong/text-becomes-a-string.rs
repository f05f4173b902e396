//! Makes a String of a payload that is a `&str`: whoever asks for the one finds the other.

use std::panic::{panic_any, resume_unwind};
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    // Rounded up, so that there are at most as many pieces as threads; and never 0.
    let length = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let pieces = items.chunks(length);
        // Collected, so that all are started before the first is joined.
        let workers: Vec<_> =
            pieces.map(|piece| scope.spawn(move || piece.iter().map(value).sum::<u64>())).collect();
        let sums = workers.into_iter().map(|worker| worker.join());
        sums.map(|sum| {
            sum.unwrap_or_else(|payload| match payload.downcast_ref::<&str>() {
                Some(text) => panic_any(text.to_string()),
                None => resume_unwind(payload),
            })
        })
        .sum()
    })
}
