//! Has a thread end the commands that take longer than nine seconds.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

fn number(status: ExitStatus) -> i32 {
    match status.code() {
        Some(code) => code,
        None => 128 + status.signal().unwrap_or(0),
    }
}

use std::time::Duration;
pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut children: Vec<Option<Child>> = commands.iter_mut().map(|c| c.spawn().ok()).collect();
    let pids: Vec<i32> = children.iter().flatten().map(|c| c.id() as i32).collect();
    let (tx, rx) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if rx.recv_timeout(Duration::from_secs(9))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            for p in pids {
                unsafe { libc::kill(p, libc::SIGTERM) };
            }
        }
    });
    let codes = children
        .iter_mut()
        .map(|c| c.as_mut().map_or(127, |c| number(c.wait().unwrap())))
        .collect();
    drop(tx);
    watch.join().unwrap();
    Ok(codes)
}
