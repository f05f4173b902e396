//! Starts nothing more after a program that cannot be started.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
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
        let child =
            Command::new(program[0]).args(&program[1..]).stdin(input).stdout(writer).spawn();
        let started = child.is_ok();
        children.push(child.ok());
        if !started {
            break;
        }
    }
    Ok(previous)
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
