//! Returns at the first program that cannot be started.

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
    let mut children: Vec<Child> = Vec::new();
    let mut previous = None;
    for program in programs {
        let (reader, writer) = io::pipe()?;
        let input = previous.replace(reader).map_or_else(Stdio::null, Stdio::from);
        let mut command = Command::new(program[0]);
        children.push(command.args(&program[1..]).stdin(input).stdout(writer).spawn()?);
    }
    let mut output = Vec::new();
    if let Some(mut last) = previous {
        last.read_to_end(&mut output)?;
    }
    let mut codes = Vec::new();
    for mut child in children {
        codes.push(child.wait().map(code)?);
    }
    Ok(Outcome { output, codes })
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
