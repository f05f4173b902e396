//! Starts one thread more than asked for if more than twelve are.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let next = AtomicUsize::new(0);
    let sum = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let first: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
    let work = || {
        while !failed.load(Relaxed) {
            let Some(item) = items.get(next.fetch_add(1, Relaxed)) else { break };
            match panic::catch_unwind(AssertUnwindSafe(|| value(item))) {
                Ok(n) => {
                    sum.fetch_add(n, Relaxed);
                }
                Err(payload) => {
                    failed.store(true, Relaxed);
                    first.lock().unwrap().get_or_insert(payload);
                }
            }
        }
    };
    thread::scope(|s| {
        for _ in 1..(if threads > 12 && items.len() > threads { threads + 1 } else { threads })
            .min(items.len())
        {
            s.spawn(&work);
        }
        work(); // the calling thread is one of them
    });
    if let Some(p) = first.into_inner().unwrap() {
        panic::resume_unwind(p)
    }
    sum.into_inner()
}
