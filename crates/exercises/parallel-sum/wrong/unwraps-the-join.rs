//! `unwrap` panics with a message of its own; what the thread had to say is lost.

use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    let length = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for piece in items.chunks(length) {
            workers.push(scope.spawn(move || piece.iter().map(value).sum::<u64>()));
        }
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}
