//! Gives half of the items to another thread, which does the same, in scopes inside of scopes.

use std::panic::resume_unwind;

pub fn parallel_sum<T: Sync, F: Fn(&T) -> u64 + Sync>(
    items: &[T],
    threads: usize,
    value: F,
) -> u64 {
    fn half<T: Sync>(items: &[T], threads: usize, value: &(dyn Fn(&T) -> u64 + Sync)) -> u64 {
        if threads < 2 || items.len() < 2 {
            return items.iter().map(value).sum();
        }
        let theirs = threads / 2;
        let (left, right) = items.split_at(theirs * items.len() / threads);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| half(left, theirs, value));
            let mine = half(right, threads - theirs, value);
            mine + thread.join().unwrap_or_else(|payload| resume_unwind(payload))
        })
    }
    half(items, threads.min(items.len()), &value)
}
