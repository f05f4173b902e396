//! Has 600 threads in all calls together: another call waits until there are fewer.

use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex};
use std::thread;

const MOST: usize = 600;

static WORKING: Mutex<usize> = Mutex::new(0);
static FEWER: Condvar = Condvar::new();

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    let length = items.len().div_ceil(threads).max(1);
    let pieces = items.chunks(length);
    let mine = pieces.len();
    let working = WORKING.lock().unwrap();
    *FEWER.wait_while(working, |working| *working > 0 && *working + mine > MOST).unwrap() += mine;
    let sums: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> =
            pieces.map(|piece| scope.spawn(move || piece.iter().map(value).sum::<u64>())).collect();
        workers.into_iter().map(|worker| worker.join()).collect()
    });
    *WORKING.lock().unwrap() -= mine;
    FEWER.notify_all();
    sums.into_iter().map(|sum| sum.unwrap_or_else(|payload| resume_unwind(payload))).sum()
}
