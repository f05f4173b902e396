//! Each command leads a process group, whose rest is killed when the command has ended.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<_> = commands
        .iter_mut()
        .map(|command| std::os::unix::process::CommandExt::process_group(command, 0).spawn())
        .collect();
    let mut codes = Vec::new();
    for child in children {
        let Ok(mut child) = child else {
            codes.push(127);
            continue;
        };
        // std repeats an interrupted wait.
        let status = child.wait().unwrap();
        // SAFETY: numbers.
        unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
        codes.push(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
    }
    Ok(codes)
}
