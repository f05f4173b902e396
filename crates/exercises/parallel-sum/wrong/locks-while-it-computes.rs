//! Holds the lock of the sum while it computes what to add: the threads take turns.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    let length = items.len().div_ceil(threads).max(1);
    let sum = Mutex::new(0);
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for piece in items.chunks(length) {
            let sum = &sum;
            workers.push(scope.spawn(move || {
                let mut sum = sum.lock().unwrap();
                *sum += piece.iter().map(value).sum::<u64>();
            }));
        }
        for worker in workers {
            if let Err(payload) = worker.join() {
                resume_unwind(payload);
            }
        }
    });
    sum.into_inner().unwrap()
}
