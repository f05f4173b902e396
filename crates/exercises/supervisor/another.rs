//! The decision is a value of its own: a failure at a time gives a pause, or none.

use std::io;
use std::process::{Command, ExitStatus};
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub first: Duration,
    pub longest: Duration,
    pub steady: Duration,
    pub restarts: usize,
    pub window: Duration,
}

pub trait Clock {
    fn now(&self) -> Duration;
    fn sleep(&self, time: Duration);
}

#[derive(Debug)]
pub enum End {
    Done,
    GaveUp(ExitStatus),
}

pub fn supervise(command: &mut Command, policy: &Policy, clock: &dyn Clock) -> io::Result<End> {
    let mut history = History { failures: 0, restarts: Vec::new() };
    loop {
        let start = clock.now();
        let status = command.spawn()?.wait()?;
        if status.code() == Some(0) {
            return Ok(End::Done);
        }
        let Some(pause) = history.failed(start, clock.now(), policy) else {
            return Ok(End::GaveUp(status));
        };
        clock.sleep(pause);
        history.restarts.push(clock.now());
    }
}

struct History {
    /// Failures in a row, without a steady run between them.
    failures: u32,
    restarts: Vec<Duration>,
}

impl History {
    fn failed(&mut self, start: Duration, now: Duration, policy: &Policy) -> Option<Duration> {
        self.failures = if now - start >= policy.steady { 1 } else { self.failures + 1 };
        self.restarts.retain(|restart| now - *restart < policy.window);
        let doubled = (1..self.failures).fold(policy.first, |pause, _| pause.saturating_mul(2));
        let pause = doubled.min(policy.longest);
        (self.restarts.len() < policy.restarts).then_some(pause)
    }
}
