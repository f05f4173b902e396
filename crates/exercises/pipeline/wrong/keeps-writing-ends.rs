//! Keeps all pipes in a list, and gives the programs copies of their ends.

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
    let mut pipes = Vec::new();
    for _ in programs {
        pipes.push(io::pipe()?);
    }
    let mut children: Vec<Option<Child>> = Vec::new();
    for (index, program) in programs.iter().enumerate() {
        let input = match index {
            0 => Stdio::null(),
            _ => Stdio::from(pipes[index - 1].0.try_clone()?),
        };
        let output = pipes[index].1.try_clone()?;
        let mut command = Command::new(program[0]);
        children.push(command.args(&program[1..]).stdin(input).stdout(output).spawn().ok());
    }
    let mut output = Vec::new();
    if let Some((mut reader, writer)) = pipes.pop() {
        drop(writer);
        reader.read_to_end(&mut output)?;
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
