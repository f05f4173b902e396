//! Asks for the children one after the other as they end, with waitid(2) and WNOWAIT to look first.
//! The system calls themselves, because nix has no names for signals in real time.

use std::collections::HashMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut ends = vec![127; commands.len()];
    let mut running = HashMap::new();
    for (index, command) in commands.iter_mut().enumerate() {
        if let Ok(child) = command.spawn() {
            running.insert(child.id() as i32, index);
        }
    }
    while let Some((&next, _)) = running.iter().next() {
        // Look which child has ended, and leave it: it may be somebody else's.
        let ended = ended()?;
        let pid = if running.contains_key(&ended) { ended } else { next };
        let mut status = 0;
        // SAFETY: the status lives during the call.
        repeat(|| unsafe { libc::waitpid(pid, &mut status, 0) })?;
        let status = ExitStatus::from_raw(status);
        if let Some(index) = running.remove(&pid) {
            let killed = || 128 + status.signal().unwrap_or(127);
            ends[index] = status.code().unwrap_or_else(killed);
        }
    }
    Ok(ends)
}

/// Waits until a child has ended, and does not collect it.
fn ended() -> io::Result<i32> {
    // SAFETY: all of its fields may be zero.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOWAIT;
    // SAFETY: what is found lives during the call.
    repeat(|| unsafe { libc::waitid(libc::P_ALL, 0, &mut found, flags) })?;
    // SAFETY: waitid(2) has filled in which child it was.
    Ok(unsafe { found.si_pid() })
}

/// Calls until nothing interrupts it.
fn repeat(mut call: impl FnMut() -> i32) -> io::Result<()> {
    while call() == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}
