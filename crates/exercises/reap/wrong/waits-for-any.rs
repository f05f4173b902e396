//! Waits for whoever ends next, and takes that for the end of the command whose turn it is.

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
            Some(_) => io::Result::Ok({
                let mut status = 0;
                unsafe { libc::wait(&mut status) };
                code(ExitStatus::from_raw(status))
            }),
        });
    }
    ends.into_iter().collect()
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
