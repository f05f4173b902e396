//! Looks for ended children every three milliseconds, and after three thousand looks only now and then.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

fn number(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut codes = vec![127; commands.len()];
    let mut running: Vec<(usize, Child)> = Vec::new();
    for (index, command) in commands.iter_mut().enumerate() {
        if let Ok(child) = command.spawn() {
            running.push((index, child));
        }
    }
    let mut looks = 0;
    while !running.is_empty() {
        let mut still = Vec::new();
        for (index, mut child) in running {
            match child.try_wait()? {
                Some(status) => codes[index] = number(status),
                None => still.push((index, child)),
            }
        }
        running = still;
        looks += 1;
        sleep(Duration::from_millis(if looks < 3000 { 3 } else { 2500 }));
    }
    Ok(codes)
}
