//! Lets std make the pipes, `Stdio::piped`, and hands each one on.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, Stdio};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let mut children: Vec<Option<Child>> = Vec::new();
    let mut before: Option<ChildStdout> = None;
    let mut failed = None;
    for program in programs {
        let input = before.take().map_or_else(Stdio::null, Stdio::from);
        match command(program).stdin(input).stdout(Stdio::piped()).spawn() {
            Ok(mut child) => {
                before = child.stdout.take();
                children.push(Some(child));
            }
            // It was the pipe that could not be had.
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {
                failed = Some(error);
                break;
            }
            Err(_) => children.push(None),
        }
    }
    let mut output = Vec::new();
    let read = match (failed, before) {
        (Some(error), _) => Err(error),
        (None, Some(mut last)) => last.read_to_end(&mut output),
        (None, None) => Ok(0),
    };
    let mut codes = Vec::new();
    for child in children {
        codes.push(match child {
            None => 127,
            Some(mut child) => {
                let status = child.wait()?;
                status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
            }
        });
    }
    read?;
    Ok(Outcome { output, codes })
}

/// A command of these words that starts with the descriptors 0, 1 and 2 and with every signal as it is
/// by default, whatever the caller has open or ignores.
fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    // SAFETY: the closure makes system calls only, and on numbers.
    unsafe {
        command.pre_exec(|| {
            for signal in 1..=64 {
                libc::signal(signal, libc::SIG_DFL);
            }
            // Not closed, but closed on exec: std has one more open until then.
            libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as i32);
            Ok(())
        });
    }
    command
}
