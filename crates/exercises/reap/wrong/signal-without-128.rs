//! Says the bare number of the signal: a child that was killed by 15 looks like one that
//! exited with 15.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<Option<Child>> =
        commands.iter_mut().map(|command| command.spawn().ok()).collect();
    let mut ends = Vec::new();
    for child in children {
        ends.push(match child {
            None => Ok(127),
            Some(mut child) => child.wait().map(code),
        });
    }
    ends.into_iter().collect()
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| signal)).unwrap_or(255)
}
