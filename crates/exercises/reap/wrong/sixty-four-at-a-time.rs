//! Runs no more than 64 at a time.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut ends = Vec::new();
    for some in commands.chunks_mut(64) {
        let children: Vec<Option<Child>> =
            some.iter_mut().map(|command| command.spawn().ok()).collect();
        for child in children {
            ends.push(match child {
                None => 127,
                Some(mut child) => code(child.wait()?),
            });
        }
    }
    Ok(ends)
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
