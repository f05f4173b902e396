//! Joins until it finds a panic: if another thread has panicked too, the scope does so with a text of
//! its own.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let sum = AtomicU64::new(0);
    let panicked = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(items.len()))
            .map(|first| {
                let (sum, value) = (&sum, &value);
                scope.spawn(move || {
                    for item in items.iter().skip(first).step_by(threads) {
                        sum.fetch_add(value(item), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        workers.into_iter().find_map(|worker| worker.join().err())
    });
    match panicked {
        Some(payload) => resume_unwind(payload),
        None => sum.into_inner(),
    }
}
