//! A guard says stop if the thread panics, for whatever reason.

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
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let total = AtomicU64::new(0);
    let payload: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
    let work = || {
        let done = catch_unwind(AssertUnwindSafe(|| {
            struct Guard<'a>(&'a AtomicBool);
            impl Drop for Guard<'_> {
                fn drop(&mut self) {
                    if thread::panicking() {
                        self.0.store(true, Ordering::Relaxed);
                    }
                }
            }
            while !stop.load(Ordering::Relaxed) {
                let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let guard = Guard(&stop);
                total.fetch_add(value(item), Ordering::Relaxed);
                drop(guard);
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
    if let Some(e) = payload.into_inner().unwrap() {
        resume_unwind(e);
    }
    total.into_inner()
}
