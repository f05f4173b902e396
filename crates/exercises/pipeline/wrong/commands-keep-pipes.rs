//! Prepares all commands in a list, which lives until all programs have ended: a Command holds what
//! it was given as input.

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
    let mut commands: Vec<Command> = programs
        .iter()
        .map(|program| {
            let mut command = Command::new(program[0]);
            command.args(&program[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
            command
        })
        .collect();
    let mut children: Vec<Option<Child>> = Vec::new();
    let mut previous = None;
    for command in &mut commands {
        if let Some(previous) = previous.take() {
            command.stdin(previous);
        }
        let mut child = command.spawn().ok();
        previous = child.as_mut().and_then(|child| child.stdout.take());
        children.push(child);
    }
    let mut output = Vec::new();
    if let Some(mut last) = previous {
        last.read_to_end(&mut output)?;
    }
    let mut codes = Vec::new();
    for child in children {
        codes.push(child.map_or(Ok(127), |mut child| child.wait().map(code))?);
    }
    Ok(Outcome { output, codes })
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
