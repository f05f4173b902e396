//! Makes each command anew of its program and its arguments, without the pipes that the caller
//! has given it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<Option<Child>> =
        commands.iter().map(|command| anew(command).spawn().ok()).collect();
    let mut ends = Vec::new();
    for child in children {
        ends.push(match child {
            None => Ok(127),
            Some(mut child) => child.wait().map(code),
        });
    }
    ends.into_iter().collect()
}

fn anew(command: &Command) -> Command {
    let mut anew = Command::new(command.get_program());
    anew.args(command.get_args());
    anew
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
