//! Gives everything up when it comes to a command that was not started, and leaves the rest.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<Option<Child>> =
        commands.iter_mut().map(|command| command.spawn().ok()).collect();
    let mut ends: Vec<io::Result<i32>> = Vec::new();
    for child in children {
        ends.push(match child {
            None => return Ok(vec![127; commands.len()]),
            Some(mut child) => child.wait().map(code),
        });
    }
    ends.into_iter().collect()
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
