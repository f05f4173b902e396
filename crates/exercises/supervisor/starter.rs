//! Start a command again when it fails, but not forever.

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

/// Runs the command until it succeeds, which is to exit with 0. After any other end it pauses and
/// starts it again: for `first` after the first failure, then for twice as long each time, but never
/// longer than `longest`; a run of at least `steady` makes the next pause `first` again.
///
/// When the command has failed and `restarts` restarts are younger than `window`, it gives up at
/// once. A restart is as old as its start, by a look at the clock just before that or just after. All
/// times are by `clock`, pauses are `clock.sleep`.
///
/// A run has been collected before anything else happens. A command that cannot be started, the first
/// time or any other, is an error at once: it will not be there a second later either.
///
/// `Duration::MAX` and `usize::MAX` in the policy are no limit. The clock may have begun just now. An
/// interrupted wait goes on.
pub fn supervise(command: &mut Command, policy: &Policy, clock: &dyn Clock) -> io::Result<End> {
    let _ = (policy, clock);
    let status = command.status()?; // TODO: once is not always enough.
    if status.success() { Ok(End::Done) } else { Ok(End::GaveUp(status)) }
}
