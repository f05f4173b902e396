//! Collects whoever ends first and puts the codes in that order.

use std::io;
use std::process::{Child, Command};

use nix::sys::wait::WaitStatus;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<Option<Child>> =
        commands.iter_mut().map(|command| command.spawn().ok()).collect();
    let mut ends = Vec::new();
    for _ in children.iter().flatten() {
        match nix::sys::wait::wait()? {
            WaitStatus::Exited(_, code) => ends.push(code),
            WaitStatus::Signaled(_, signal, _) => ends.push(128 + signal as i32),
            _ => {}
        }
    }
    Ok(ends)
}
