//! Waits from the last child to the first, and takes one that is stopped for one that a signal has ended.

use std::io;
use std::process::Command;

fn wait_for(pid: libc::pid_t) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: status may be written to.
        if unsafe { libc::waitpid(pid, &mut status, libc::WUNTRACED) } == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINTR) {
            return Err(error);
        }
    }
    if libc::WIFSTOPPED(status) {
        Ok(128 + libc::WSTOPSIG(status))
    } else if libc::WIFSIGNALED(status) {
        Ok(128 + libc::WTERMSIG(status))
    } else {
        Ok(libc::WEXITSTATUS(status))
    }
}

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for command in commands.iter_mut() {
        // Dropping a `Child` neither ends nor collects it.
        pids.push(command.spawn().map_or(0, |child| child.id() as libc::pid_t));
    }
    let mut codes = vec![127; pids.len()];
    let mut result = Ok(());
    for (index, &pid) in pids.iter().enumerate().rev() {
        if pid == 0 {
            continue;
        }
        match wait_for(pid) {
            Ok(code) => codes[index] = code,
            Err(error) => result = Err(error),
        }
    }
    result.map(|()| codes)
}
