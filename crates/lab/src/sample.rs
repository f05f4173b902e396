//! Sampling: contestants measured in turn, compared round by round.
//!
//! An absolute figure of one run says little on a shared machine; the ratio of two batches that
//! ran one after the other says much. So every comparison here is a median of such ratios.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::evidence::Summary;

/// One thing to measure: runs its operation that many times and returns the time it took.
pub struct Contestant<'a> {
    /// What is measured.
    pub name: &'static str,
    /// Runs a batch of so many operations, in its own time.
    pub batch: Box<dyn FnMut(u32) -> Result<Duration> + 'a>,
}

impl<'a> Contestant<'a> {
    /// A contestant whose operation is timed in batches.
    pub fn new(name: &'static str, mut operation: impl FnMut() -> Result<()> + 'a) -> Self {
        Contestant::timed(name, move |times| {
            let start = Instant::now();
            for _ in 0..times {
                operation()?;
            }
            Ok(start.elapsed())
        })
    }

    /// A contestant that takes its own time.
    pub fn timed(name: &'static str, batch: impl FnMut(u32) -> Result<Duration> + 'a) -> Self {
        Contestant { name, batch: Box::new(batch) }
    }
}

/// Nanoseconds per operation: one column per contestant, one row per round.
pub struct Rounds {
    columns: Vec<Vec<f64>>,
}

impl Rounds {
    /// Measures all contestants in turn for `rounds` rounds, with batches of about `batch`.
    /// One round before the first is thrown away, as a warm-up and to find the batch sizes.
    pub fn measure(
        rounds: usize,
        batch: Duration,
        contestants: &mut [Contestant<'_>],
    ) -> Result<Rounds> {
        ensure!(rounds > 0 && !contestants.is_empty(), "nothing to measure");
        let mut sizes = Vec::new();
        for contestant in contestants.iter_mut() {
            sizes.push(calibrate(batch, &mut contestant.batch)?);
        }
        // ANCHOR: measure
        let mut columns = vec![Vec::with_capacity(rounds); contestants.len()];
        for _ in 0..rounds {
            for ((contestant, size), column) in contestants.iter_mut().zip(&sizes).zip(&mut columns)
            {
                let took = (contestant.batch)(*size)?;
                column.push(took.as_nanos() as f64 / f64::from(*size));
            }
        }
        // ANCHOR_END: measure
        Ok(Rounds { columns })
    }

    /// Nanoseconds per operation of one contestant.
    pub fn nanoseconds(&self, contestant: usize) -> Summary {
        self.scaled(contestant, 1.0)
    }

    /// Microseconds per operation of one contestant.
    pub fn microseconds(&self, contestant: usize) -> Summary {
        self.scaled(contestant, 1e-3)
    }

    /// How many times longer `a` takes than `b`, paired by round.
    pub fn ratio(&self, a: usize, b: usize) -> Summary {
        let paired = self.columns[a].iter().zip(&self.columns[b]).map(|(a, b)| a / b);
        Summary::of(paired.collect()).expect("there is at least one round")
    }

    fn scaled(&self, contestant: usize, by: f64) -> Summary {
        let scaled = self.columns[contestant].iter().map(|ns| ns * by).collect();
        Summary::of(scaled).expect("there is at least one round")
    }
}

fn calibrate(target: Duration, batch: &mut dyn FnMut(u32) -> Result<Duration>) -> Result<u32> {
    let mut size = 1;
    loop {
        let took = batch(size)?;
        if took * 2 >= target || size >= 1 << 24 {
            let per_operation = took.as_secs_f64() / f64::from(size);
            return Ok((target.as_secs_f64() / per_operation.max(1e-9)).clamp(1.0, 1e8) as u32);
        }
        size *= 2;
    }
}

/// The CPUs this thread may run on, sched_getaffinity(2).
pub fn allowed_cpus() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect()
}

/// Keeps this thread on one CPU until the value is dropped.
#[must_use = "the thread is released when this value is dropped"]
pub struct Pinned(Option<CpuSet>);

impl Pinned {
    /// Pins this thread to `cpu`, which must be among the [`allowed_cpus`].
    pub fn to(cpu: usize) -> Result<Pinned> {
        let before = sched_getaffinity(Pid::from_raw(0)).ok();
        let mut set = CpuSet::new();
        set.set(cpu)?;
        sched_setaffinity(Pid::from_raw(0), &set)
            .map_err(crate::child::explain("sched_setaffinity"))?;
        Ok(Pinned(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = sched_setaffinity(Pid::from_raw(0), before);
        }
    }
}
