//! Gives a wait up that was interrupted a thousand times.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

fn collect(child: &Child) -> io::Result<i32> {
    for _ in 0..1000 {
        let mut status = 0;
        if unsafe { libc::waitpid(child.id() as i32, &mut status, 0) } != -1 {
            let status = ExitStatus::from_raw(status);
            return Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let children: Vec<Option<Child>> =
        commands.iter_mut().map(|command| command.spawn().ok()).collect();
    let codes: Vec<io::Result<i32>> =
        children.iter().map(|child| child.as_ref().map_or(Ok(127), collect)).collect();
    codes.into_iter().collect()
}
