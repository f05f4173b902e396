//! Ends what has not ended after twenty seconds.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

fn number(status: ExitStatus) -> i32 {
    match status.code() {
        Some(code) => code,
        None => 128 + status.signal().unwrap_or(0),
    }
}

use std::time::{Duration, Instant};
pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let end = Instant::now() + Duration::from_secs(20);
    let children: Vec<Option<Child>> = commands.iter_mut().map(|c| c.spawn().ok()).collect();
    let mut codes = Vec::new();
    for child in children {
        let Some(mut child) = child else {
            codes.push(127);
            continue;
        };
        let status = loop {
            if let Some(s) = child.try_wait()? {
                break s;
            }
            if Instant::now() > end {
                child.kill()?;
                break child.wait()?;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        codes.push(number(status));
    }
    Ok(codes)
}
