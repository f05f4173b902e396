//! Takes an interrupted wait for an error, and leaves the children that it has not waited for.

use std::collections::HashMap;
use std::io;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut ends = vec![127; commands.len()];
    let mut running = HashMap::new();
    for (index, command) in commands.iter_mut().enumerate() {
        if let Ok(child) = command.spawn() {
            running.insert(Pid::from_raw(child.id() as i32), index);
        }
    }
    while let Some((&next, _)) = running.iter().next() {
            let pid = next;
        let end = match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, code)) => code,
            Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
            Ok(_) => continue,
            Err(errno) => return Err(errno.into()),
        };
        if let Some(index) = running.remove(&pid) {
            ends[index] = end;
        }
    }
    Ok(ends)
}
