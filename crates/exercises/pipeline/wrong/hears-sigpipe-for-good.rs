//! Sets SIGPIPE as it is by default in the caller, where it stays so.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let mut children = Vec::new();
    let mut output = Vec::new();
    let read = match start(programs, &mut children) {
        Ok(Some(mut last)) => last.read_to_end(&mut output),
        Ok(None) => Ok(0),
        Err(error) => Err(error),
    };
    // Whatever went wrong, nobody is left behind. All pipes are closed now, so all end.
    let mut codes = Vec::new();
    for child in children {
        codes.push(child.map_or(Ok(127), |mut child| child.wait().map(code)));
    }
    read?;
    Ok(Outcome { output, codes: codes.into_iter().collect::<io::Result<_>>()? })
}

/// Starts all, and returns the end of the last pipe.
fn start(
    programs: &[&[&str]],
    children: &mut Vec<Option<Child>>,
) -> io::Result<Option<PipeReader>> {
    let mut previous = None;
    for program in programs {
        let (reader, writer) = io::pipe()?;
        let input = previous.replace(reader).map_or_else(Stdio::null, Stdio::from);
        // The command owns both ends that it was given, and is dropped at the end of the statement.
        let child = command(program).stdin(input).stdout(writer).spawn();
        children.push(child.ok());
    }
    Ok(previous)
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

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
