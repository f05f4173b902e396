//! With far fewer items than threads, the caller adds them up alone.

use std::panic;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    if items.len() < threads / 4 {
        return items.iter().map(value).sum(); // Not worth it.
    }
    let part = items.len().div_ceil(threads).max(1);
    let value = &value;
    let results: Vec<thread::Result<u64>> = thread::scope(|scope| {
        let workers: Vec<_> = items
            .chunks(part)
            .map(|chunk| scope.spawn(move || chunk.iter().map(value).sum::<u64>()))
            .collect();
        workers.into_iter().map(|worker| worker.join()).collect()
    });
    let mut sum = 0;
    for result in results {
        match result {
            Ok(part) => sum += part,
            Err(payload) => panic::resume_unwind(payload),
        }
    }
    sum
}
