//! Panics with a text anew, without the white space at its end.

use std::any::Any;
use std::panic::resume_unwind;
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
    if let Some(s) = payload.downcast_ref::<String>() {
        panic!("{}", s.trim_end())
    }
    resume_unwind(payload)
}
