//! Learns that all have ended from a pipe that they inherit.

use std::io;
use std::process::Command;

/// The code of a status, if it is one of an end.
fn code(status: i32) -> Option<i32> {
    if libc::WIFEXITED(status) {
        Some(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        Some(128 + libc::WTERMSIG(status))
    } else {
        None
    }
}

/// Waits for one child, however often that is interrupted.
fn wait(pid: i32) -> i32 {
    loop {
        let mut status = 0;
        // SAFETY: `status` lives longer than the call.
        let got = unsafe { libc::waitpid(pid, &mut status, 0) };
        if got == pid {
            if let Some(code) = code(status) {
                return code;
            }
        } else if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return 127;
        }
    }
}

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    let ends = io::pipe();
    if let Ok((_, writer)) = &ends {
        use std::os::fd::AsRawFd;
        // SAFETY: a number. The children are to inherit it.
        unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFD, 0) };
    }
    for command in commands.iter_mut() {
        pids.push(match command.spawn() {
            Ok(child) => Some(child.id() as i32),
            Err(_) => None,
        });
    }
    if let Ok((mut reader, writer)) = ends {
        drop(writer);
        let _ = io::Read::read(&mut reader, &mut [0]);
    }
    let mut codes = Vec::new();
    for pid in pids {
        codes.push(match pid {
            Some(pid) => wait(pid),
            None => 127,
        });
    }
    Ok(codes)
}
