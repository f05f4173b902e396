//! Waits for any child and throws away what it does not know: a child of the caller among them.

use std::io;
use std::process::{Child, Command};

use nix::sys::wait::WaitStatus;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<Option<Child>> =
        commands.iter_mut().map(|command| command.spawn().ok()).collect();
    let mut ends = vec![127; children.len()];
    let mut left = children.iter().flatten().count();
    while left > 0 {
        let (pid, end) = match nix::sys::wait::wait()? {
            WaitStatus::Exited(pid, code) => (pid, code),
            WaitStatus::Signaled(pid, signal, _) => (pid, 128 + signal as i32),
            _ => continue,
        };
        let is =
            |child: &Option<Child>| child.as_ref().is_some_and(|c| c.id() as i32 == pid.as_raw());
        if let Some(index) = children.iter().position(is) {
            ends[index] = end;
            left -= 1;
        }
    }
    Ok(ends)
}
