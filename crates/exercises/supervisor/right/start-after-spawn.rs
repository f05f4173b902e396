//! Looks at the clock when the run has been started: this is the start of the run, and of the restart as
//! well.
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
    let mut child = command.spawn()?;
    let mut started = clock.now();
    loop {
        let status = child.wait()?;
        if status.success() {
            return Ok(End::Done);
        }
        let now = clock.now();
        while restarts.front().is_some_and(|&restart| now - restart >= policy.window) {
            restarts.pop_front();
        }
        if restarts.len() >= policy.restarts {
            return Ok(End::GaveUp(status));
        }
        if now - started >= policy.steady {
            pause = policy.first;
        }
        pause = pause.min(policy.longest);
        clock.sleep(pause);
        pause = pause.saturating_mul(2);
        child = command.spawn()?;
        started = clock.now();
        restarts.push_back(started);
    }
}
