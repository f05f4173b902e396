//! Calls `run_at_most` with the command and the times that the driver names.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use driver::shim::answer;
use driver::{Failure, Wire};
use time_limit::{Outcome, run_at_most};

/// The types that a submission must have.
const _: fn(&mut Command, Duration, Duration) -> io::Result<Outcome> = run_at_most;
const _: [fn(ExitStatus) -> Outcome; 2] = [Outcome::InTime, Outcome::TimeUp];

fn main() {
    answer(|_, arguments| {
        let mut command = arguments.command();
        let (limit, grace) = (arguments.take(), arguments.take());
        let outcome = run_at_most(&mut command, limit, grace);
        let outcome = outcome.map(|outcome| match outcome {
            Outcome::InTime(status) => (true, status.into_raw()),
            Outcome::TimeUp(status) => (false, status.into_raw()),
        });
        outcome.map_err(Failure::from).to_bytes()
    })
}
