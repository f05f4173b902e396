//! Looks every 50 milliseconds, and ends a command that is still there after four seconds.

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
            Some(mut child) => wait(&mut child).map(code),
        });
    }
    ends.into_iter().collect()
}

fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    for _ in 0..80 {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
