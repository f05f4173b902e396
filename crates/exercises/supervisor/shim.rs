//! Calls `supervise` with a clock whose every question the driver answers.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use driver::shim::{answer, ask};
use driver::{Failure, Wire};
use supervisor::{Clock, End, Policy, supervise};

/// The types that a submission must have.
const _: fn(&mut Command, &Policy, &dyn Clock) -> io::Result<End> = supervise;
const _: fn(ExitStatus) -> End = End::GaveUp;

/// A clock that the driver plays.
struct Played;

impl Clock for Played {
    fn now(&self) -> Duration {
        ask("now", &())
    }

    fn sleep(&self, time: Duration) {
        ask("sleep", &time)
    }
}

fn main() {
    answer(|_, arguments| {
        let mut command = arguments.command();
        let policy = Policy {
            first: arguments.take(),
            longest: arguments.take(),
            steady: arguments.take(),
            restarts: arguments.take::<u64>() as usize,
            window: arguments.take(),
        };
        let end = supervise(&mut command, &policy, &Played).map(|end| match end {
            End::Done => None,
            End::GaveUp(status) => Some(status.into_raw()),
        });
        end.map_err(Failure::from).to_bytes()
    })
}
