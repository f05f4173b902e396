//! Takes the statuses of all children of the process that stop or go on, whosever they are.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

fn number(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Takes what there is to know of children that have not ended.
fn forget_stops() {
    let flags = libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG;
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_ALL, 0, &mut info, flags);
    }
}

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut codes = vec![127; commands.len()];
    let mut running: Vec<(usize, Child)> = Vec::new();
    for (index, command) in commands.iter_mut().enumerate() {
        if let Ok(child) = command.spawn() {
            running.push((index, child));
        }
    }
    while !running.is_empty() {
        forget_stops();
        let mut still = Vec::new();
        for (index, mut child) in running {
            match child.try_wait()? {
                Some(status) => codes[index] = number(status),
                None => still.push((index, child)),
            }
        }
        running = still;
        sleep(Duration::from_millis(3));
    }
    Ok(codes)
}
