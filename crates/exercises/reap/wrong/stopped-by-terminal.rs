//! Gives a child up that wants the terminal, which it cannot have, and is stopped.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

fn number(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Whether it was stopped because it wants to read from the terminal, or to write to it.
fn wants_terminal(child: &Child) -> bool {
    let flags = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT;
    let info = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, child.id(), &mut info, flags);
        info
    };
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    pid != 0 && [libc::SIGTTIN, libc::SIGTTOU].contains(&status)
}

fn look(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    if wants_terminal(child) {
        child.kill()?;
    }
    child.try_wait()
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
        let mut still = Vec::new();
        for (index, mut child) in running {
            match look(&mut child)? {
                Some(status) => codes[index] = number(status),
                None => still.push((index, child)),
            }
        }
        running = still;
        sleep(Duration::from_millis(3));
    }
    Ok(codes)
}
