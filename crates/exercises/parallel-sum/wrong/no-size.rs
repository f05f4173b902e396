//! Counts the items by their bytes: those without a size are none.

use std::panic::resume_unwind;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let number = size_of_val(items).checked_div(size_of::<T>()).unwrap_or(0);
    let value = &value;
    let length = number.div_ceil(threads).max(1);
    thread::scope(|scope| {
        let pieces = items[..number].chunks(length);
        let workers: Vec<_> =
            pieces.map(|piece| scope.spawn(move || piece.iter().map(value).sum::<u64>())).collect();
        let sums = workers.into_iter().map(|worker| worker.join());
        sums.map(|sum| sum.unwrap_or_else(|payload| resume_unwind(payload))).sum()
    })
}
