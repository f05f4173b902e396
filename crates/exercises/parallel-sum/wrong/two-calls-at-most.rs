//! Counts the calls that are at work, and waits while there are two.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    static BUSY: Mutex<usize> = Mutex::new(0);
    static FREE: std::sync::Condvar = std::sync::Condvar::new();
    let mut busy = FREE.wait_while(BUSY.lock().unwrap(), |busy| *busy == 2).unwrap();
    *busy += 1;
    drop(busy);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let total = AtomicU64::new(0);
    let payload: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
    let work = || {
        let done = catch_unwind(AssertUnwindSafe(|| {
            while !stop.load(Ordering::Relaxed) {
                let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                total.fetch_add(value(item), Ordering::Relaxed);
            }
        }));
        if let Err(e) = done {
            stop.store(true, Ordering::Relaxed);
            payload.lock().unwrap().get_or_insert(e);
        }
    };
    let others = threads.min(items.len()).saturating_sub(1);
    thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(&work);
        }
        work();
    });
    *BUSY.lock().unwrap() -= 1;
    FREE.notify_one();
    if let Some(e) = payload.into_inner().unwrap() {
        resume_unwind(e);
    }
    total.into_inner()
}
