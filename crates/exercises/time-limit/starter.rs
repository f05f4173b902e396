//! Run a command, but only for so long.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// How the command ended.
#[derive(Debug)]
pub enum Outcome {
    /// By itself, before the limit.
    InTime(ExitStatus),
    /// After it had been told to.
    TimeUp(ExitStatus),
}

/// Runs `command` in a process group of its own and waits for it.
///
/// If it has not ended after `limit`, its whole group gets SIGTERM. If it has not ended `grace`
/// after that, its whole group gets SIGKILL. As soon as the command itself has ended, in whichever
/// way, what is left of its group gets SIGKILL: nobody looks after it any more.
///
/// Neither signal comes before its time, and `Duration::MAX` is a time that never comes. A command that
/// is stopped has not ended. An interrupted wait goes on.
///
/// Returns as soon as that is done. The command has then been collected, and no other child of the
/// caller. A command that cannot be started is an error. So is whatever else fails, unless there is
/// another way to do it; the command has been ended and collected then, too.
pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let _ = (limit, grace); // TODO: this takes as long as the command likes.
    Ok(Outcome::InTime(child.wait()?))
}
