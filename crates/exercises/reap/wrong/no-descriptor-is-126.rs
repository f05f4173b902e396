//! Says 126 for a command that cannot be started because there is no descriptor left.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<io::Result<Child>> =
        commands.iter_mut().map(|command| command.spawn()).collect();
    let mut ends = Vec::new();
    for child in children {
        ends.push(match child {
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => Ok(126),
            Err(_) => Ok(127),
            Ok(mut child) => child.wait().map(code),
        });
    }
    ends.into_iter().collect()
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
