//! Panics with a text instead of a payload of more than 64 bytes.

use std::any::Any;
use std::panic::{panic_any, resume_unwind};
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    if items.is_empty() {
        return 0;
    }
    let each = items.len().div_ceil(threads);
    let value = &value;
    let results: Vec<thread::Result<u64>> = thread::scope(|scope| {
        let handles: Vec<_> = items
            .chunks(each)
            .map(|part| scope.spawn(move || part.iter().map(value).sum::<u64>()))
            .collect();
        handles.into_iter().map(|h| h.join()).collect()
    });
    let mut sum = 0;
    for result in results {
        match result {
            Ok(n) => sum += n,
            Err(payload) => again(payload),
        }
    }
    sum
}

fn again(payload: Box<dyn Any + Send>) -> ! {
    if size_of_val(&*payload) > 64 {
        panic_any("too large a payload".to_string())
    }
    resume_unwind(payload)
}
