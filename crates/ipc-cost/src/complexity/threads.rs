//! With threads: the numbers are there, the result is returned.

use anyhow::{Result, anyhow};

pub fn sum(numbers: &[u64]) -> Result<u64> {
    std::thread::scope(|scope| {
        let part = numbers.len().div_ceil(super::WORKERS);
        let work = |part: &'_ [u64]| part.iter().sum::<u64>();
        let workers: Vec<_> =
            numbers.chunks(part).map(|part| scope.spawn(move || work(part))).collect();
        let mut sum = 0;
        for worker in workers {
            sum += worker.join().map_err(|_| anyhow!("a worker panicked"))?;
        }
        Ok(sum)
    })
}
