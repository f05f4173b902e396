//! Looks for ended children after pauses that double up to half a minute.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

fn number(status: ExitStatus) -> i32 {
    match status.code() {
        Some(code) => code,
        None => 128 + status.signal().unwrap_or(0),
    }
}

fn patiently(child: &mut Child) -> io::Result<ExitStatus> {
    drop(child.stdin.take());
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    // Every one is started before any is waited for.
    let children: Vec<Option<Child>> = commands.iter_mut().map(|c| c.spawn().ok()).collect();
    let mut codes = Vec::with_capacity(children.len());
    let mut failure = None;
    for child in children {
        let code = match child {
            None => 127,
            Some(mut child) => match patiently(&mut child) {
                Ok(status) => number(status),
                Err(error) => {
                    failure.get_or_insert(error);
                    127
                }
            },
        };
        codes.push(code);
    }
    match failure {
        None => Ok(codes),
        Some(error) => Err(error),
    }
}
