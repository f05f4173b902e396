//! Also waits for children that are stopped, and takes that for their end.

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
            Some(child) => {
                let mut status = 0;
                // SAFETY: the status lives during the call.
                while unsafe { libc::waitpid(child.id() as i32, &mut status, libc::WUNTRACED) } == -1 {}
                Ok(code(ExitStatus::from_raw(status)))
            }
        });
    }
    ends.into_iter().collect()
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().or(status.stopped_signal()).map(|signal| 128 + signal)).unwrap_or(255)
}
