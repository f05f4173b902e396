//! Starts all, and waits for each in a thread of its own.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<_> = commands.iter_mut().map(Command::spawn).collect();
    let waiting: Vec<_> =
        children.into_iter().map(|child| thread::spawn(move || child?.wait())).collect();
    let mut codes = Vec::new();
    for thread in waiting {
        let ended = thread.join().expect("a thread that waits");
        codes.push(match ended {
            Ok(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            Err(_) => 127,
        });
    }
    Ok(codes)
}
