//! With threads: the numbers are there, the result is returned.

use std::thread::{Builder, scope};

use anyhow::{Result, anyhow};
use lab::child::explain_io;

pub fn sum(numbers: &[u64]) -> Result<u64> {
    scope(|threads| {
        let part = numbers.len().div_ceil(super::WORKERS);
        let mut workers = Vec::new();
        for part in numbers.chunks(part) {
            let worker = Builder::new().spawn_scoped(threads, || part.iter().sum::<u64>());
            workers.push(worker.map_err(explain_io("thread"))?);
        }
        let mut sum = 0;
        for worker in workers {
            sum += worker.join().map_err(|_| anyhow!("a worker panicked"))?;
        }
        Ok(sum)
    })
}
