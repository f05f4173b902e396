//! Tries once more, after another pause, to start a file that somebody writes to.

use std::collections::VecDeque;
use std::io;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// When to start again, and when not.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The pause after the first failure.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
    /// A run that lasted at least so long makes the pauses begin with the first again.
    pub steady: Duration,
    /// So many restarts are allowed within the window.
    pub restarts: usize,
    /// A restart counts until so much time has passed since then.
    pub window: Duration,
}

/// What tells the time, so that pauses can be tried out without taking any.
pub trait Clock {
    /// The time that has passed since some moment.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, time: Duration);
}

/// How it ended.
#[derive(Debug)]
pub enum End {
    /// The command has succeeded.
    Done,
    /// It failed once more than is allowed, with this status.
    GaveUp(ExitStatus),
}

pub fn supervise(command: &mut Command, policy: &Policy, clock: &dyn Clock) -> io::Result<End> {
    let mut pause = policy.first.min(policy.longest);
    // When the restarts were that may still count.
    let mut restarts: VecDeque<Duration> = VecDeque::new();
    let mut started = clock.now();
    loop {
        let status = match command.status() {
            // Somebody is installing it anew.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                clock.sleep(pause);
                command.status()?
            }
            result => result?,
        };
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
            pause = policy.first.min(policy.longest);
        }
        clock.sleep(pause);
        pause = pause.saturating_mul(2).min(policy.longest);
        started = clock.now();
        restarts.push_back(started);
    }
}
