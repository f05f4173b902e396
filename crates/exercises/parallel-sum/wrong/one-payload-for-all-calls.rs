//! Keeps the payload in a static: another call at the same time takes it for its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::thread;

static PAYLOAD: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let length = items.len().div_ceil(threads).max(1);
    let add = |piece: &[T]| {
        let sum = AssertUnwindSafe(|| piece.iter().map(&value).sum::<u64>());
        catch_unwind(sum).unwrap_or_else(|payload| {
            *PAYLOAD.lock().unwrap() = Some(payload);
            0
        })
    };
    let add = &add;
    let sum = thread::scope(|scope| {
        let pieces = items.chunks(length);
        let workers: Vec<_> = pieces.map(|piece| scope.spawn(move || add(piece))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    match PAYLOAD.lock().unwrap().take() {
        Some(payload) => resume_unwind(payload),
        None => sum,
    }
}
