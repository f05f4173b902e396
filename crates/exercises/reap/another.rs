//! Asks for the children one after the other as they end, with waitid(2) and WNOWAIT to look first.

use std::collections::HashMap;
use std::io;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
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
        // Look which child has ended, and leave it: it may be somebody else's.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let pid = match waitid(Id::All, flags) {
            Ok(status) => status.pid().filter(|pid| running.contains_key(pid)).unwrap_or(next),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let end = match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, code)) => code,
            Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        if let Some(index) = running.remove(&pid) {
            ends[index] = end;
        }
    }
    Ok(ends)
}
