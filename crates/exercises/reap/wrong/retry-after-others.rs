//! Tries a command once more when all others have ended.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<_> = commands.iter_mut().map(|command| command.spawn()).collect();
    let mut codes = Vec::new();
    for child in children {
        let Ok(mut child) = child else {
            codes.push(127);
            continue;
        };
        // std repeats an interrupted wait.
        let status = child.wait().unwrap();
        codes.push(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
    }
    for (code, command) in codes.iter_mut().zip(commands) {
        if *code == 127
            && let Ok(mut child) = command.spawn()
        {
            let status = child.wait().unwrap();
            *code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        }
    }
    Ok(codes)
}
