//! Doubles the pause 31 times, and then no more, however long it may be.

use std::collections::VecDeque;
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
    let mut pause = policy.first;
    let mut doublings = 0;
    let mut restarts = VecDeque::new();
    loop {
        let start = clock.now();
        let status = command.status()?;
        let now = clock.now();
        if status.success() {
            return Ok(End::Done);
        }
        while restarts.front().is_some_and(|start| now - *start >= policy.window) {
            restarts.pop_front();
        }
        if restarts.len() >= policy.restarts {
            return Ok(End::GaveUp(status));
        }
        if now - start >= policy.steady {
            (pause, doublings) = (policy.first, 0);
        }
        clock.sleep(pause.min(policy.longest));
        if doublings < 31 {
            pause = pause.saturating_mul(2);
            doublings += 1;
        }
        restarts.push_back(clock.now());
    }
}
