//! Takes a program that is open for writing, and arguments that are too long, for an error of the whole.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let started: Vec<_> = commands.iter_mut().map(Command::spawn).collect();
    let mut codes = Vec::new();
    let mut failed = None;
    for child in started {
        let code = match child {
            Ok(mut child) => {
                let status = child.wait()?;
                status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255)
            }
            Err(error) => {
                if matches!(error.raw_os_error(), Some(libc::ETXTBSY | libc::E2BIG)) {
                    failed = Some(error);
                }
                127
            }
        };
        codes.push(code);
    }
    failed.map_or(Ok(codes), Err)
}
