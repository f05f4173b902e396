//! Keeps the payload if it is a text; any other becomes "a thread panicked".

use std::panic::panic_any;
use std::thread;

pub fn parallel_sum<T, F>(items: &[T], threads: usize, value: F) -> u64
where
    T: Sync,
    F: Fn(&T) -> u64 + Sync,
{
    let value = &value;
    thread::scope(|s| {
        let handles: Vec<_> = items
            .chunks(items.len().div_ceil(threads).max(1))
            .map(|chunk| s.spawn(move || chunk.iter().map(value).sum::<u64>()))
            .collect();
        let mut sum = 0;
        for h in handles {
            match h.join() {
                Ok(part) => sum += part,
                Err(e) => match e.downcast::<&str>() {
                    Ok(text) => panic_any(*text),
                    Err(e) => match e.downcast::<String>() {
                        Ok(text) => panic_any(*text),
                        Err(_) => panic!("a thread panicked"),
                    },
                },
            }
        }
        sum
    })
}
