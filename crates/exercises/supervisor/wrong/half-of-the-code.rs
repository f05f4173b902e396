//! Looks at seven bits of the exit code.

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
    let mut restarts = VecDeque::new();
    loop {
        let start = clock.now();
        let status = command.status()?;
        let now = clock.now();
        if status.code().is_some_and(|code| code & 0x7f == 0) {
            return Ok(End::Done);
        }
        while restarts.front().is_some_and(|start| now - *start >= policy.window) {
            restarts.pop_front();
        }
        if restarts.len() >= policy.restarts {
            return Ok(End::GaveUp(status));
        }
        if now - start >= policy.steady {
            pause = policy.first;
        }
        clock.sleep(pause.min(policy.longest));
        pause = pause.saturating_mul(2);
        restarts.push_back(clock.now());
    }
}
