//! One scoped thread for each piece of the slice. The scope lets threads borrow, `join` hands out
//! what they computed or why they panicked.

use std::panic::resume_unwind;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    // Pieces that differ by one item at most: the first `longer` of them have one more.
    let (length, longer) = (items.len() / threads, items.len() % threads);
    thread::scope(|scope| {
        let mut rest = items;
        let mut workers = Vec::new();
        for number in 0..threads.min(items.len()) {
            let (piece, others) = rest.split_at(length + usize::from(number < longer));
            rest = others;
            workers.push(scope.spawn(move || piece.iter().map(value).sum::<u64>()));
        }
        let sums = workers.into_iter().map(|worker| worker.join());
        sums.map(|sum| sum.unwrap_or_else(|payload| resume_unwind(payload))).sum()
    })
}
