//! Takes eight bits for the signal: the flag that says that there is a core is one of them.

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
    status.code().or_else(|| Some(128 + (status.into_raw() & 0xff))).unwrap_or(255)
}
