//! Makes pieces of 4096 bytes at most, of which items without a size have no number and large ones 0.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let length = items.len().div_ceil(threads).max(1).min(4096 / size_of::<T>());
    let pieces = Mutex::new(items.chunks(length));
    let next = || pieces.lock().unwrap().next();
    let work = || {
        let mut sum = 0;
        while let Some(piece) = next() {
            sum += piece.iter().map(&value).sum::<u64>();
        }
        sum
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(work)).collect();
        let sums = workers.into_iter().map(|worker| worker.join());
        sums.map(|sum| sum.unwrap_or_else(|payload| resume_unwind(payload))).sum()
    })
}
