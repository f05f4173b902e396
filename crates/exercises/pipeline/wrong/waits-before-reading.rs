//! Waits for all programs first, and reads what they have printed afterwards.

use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let mut children: Vec<Option<Child>> = Vec::new();
    let mut previous = None;
    for program in programs {
        let (reader, writer) = io::pipe()?;
        let input = previous.replace(reader).map_or_else(Stdio::null, Stdio::from);
        let mut command = Command::new(program[0]);
        children.push(command.args(&program[1..]).stdin(input).stdout(writer).spawn().ok());
    }
    let mut codes = Vec::new();
    for child in children {
        codes.push(child.map_or(Ok(127), |mut child| child.wait().map(code))?);
    }
    let mut output = Vec::new();
    if let Some(mut last) = previous {
        last.read_to_end(&mut output)?;
    }
    Ok(Outcome { output, codes })
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
