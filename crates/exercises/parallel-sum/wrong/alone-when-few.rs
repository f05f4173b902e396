//! With fewer items than threads, one thread does everything.

use std::panic::resume_unwind;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    if items.len() < threads || threads == 1 {
        return items.iter().map(value).sum();
    }
    let value = &value;
    thread::scope(|s| {
        let handles: Vec<_> = items
            .chunks(items.len().div_ceil(threads))
            .map(|chunk| s.spawn(move || chunk.iter().map(value).sum::<u64>()))
            .collect();
        handles.into_iter().map(|h| h.join().unwrap_or_else(|e| resume_unwind(e))).sum()
    })
}
