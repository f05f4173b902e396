//! With the system calls themselves: pipe2, fork, dup2, execvp.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{ForkResult, Pid, dup2_stdin, dup2_stdout, execvp, fork, pipe2};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let mut children: Vec<Option<Pid>> = Vec::new();
    let mut output = Vec::new();
    let read = start(programs, &mut children).and_then(|last| match last {
        Some(last) => File::from(last).read_to_end(&mut output),
        None => Ok(0),
    });
    let codes = children.into_iter().map(|child| child.map_or(127, wait_for)).collect();
    read?;
    Ok(Outcome { output, codes })
}

fn start(programs: &[&[&str]], children: &mut Vec<Option<Pid>>) -> io::Result<Option<OwnedFd>> {
    let mut previous =
        if programs.is_empty() { None } else { Some(File::open("/dev/null")?.into()) };
    for program in programs {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        // What allocates happens before the fork. Words with a NUL are no program.
        let words: Result<Vec<CString>, _> =
            program.iter().map(|word| CString::new(*word)).collect();
        let Ok(words) = words else {
            children.push(None);
            previous = Some(reader);
            continue;
        };
        // SAFETY: the child calls nothing but async-signal-safe functions until it executes.
        match unsafe { fork() } {
            Ok(ForkResult::Parent { child }) => children.push(Some(child)),
            // No process for a program: it cannot be started.
            Err(_) => children.push(None),
            Ok(ForkResult::Child) => {
                let _ = become_program(&words, previous.as_ref(), &writer);
                // SAFETY: _exit(2) is always safe to call.
                unsafe { libc::_exit(127) };
            }
        }
        // Closes the parent's copies of what the child reads and writes.
        drop(writer);
        previous = Some(reader);
    }
    Ok(previous)
}

fn become_program(words: &[CString], input: Option<&OwnedFd>, output: &OwnedFd) -> nix::Result<()> {
    if let Some(input) = input {
        dup2_stdin(input)?;
    }
    dup2_stdout(output)?;
    for number in 1..=64 {
        // SAFETY: no handler is installed. What Rust's runtime or the caller ignores is inherited.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    // SAFETY: nothing is closed before the program is executed, and of that process nothing is left.
    unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as i32) };
    execvp(&words[0], words)?;
    Ok(())
}

/// Without nix, which has no names for the signals from 32 on.
fn wait_for(child: Pid) -> i32 {
    let mut status = 0;
    loop {
        // SAFETY: the status lives during the call.
        let waited = unsafe { libc::waitpid(child.as_raw(), &mut status, 0) };
        match Errno::result(waited) {
            Ok(_) if libc::WIFEXITED(status) => return libc::WEXITSTATUS(status),
            Ok(_) => return 128 + libc::WTERMSIG(status),
            Err(Errno::EINTR) => {}
            Err(_) => return 255,
        }
    }
}
