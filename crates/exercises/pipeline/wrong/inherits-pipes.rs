//! Makes all pipes at first, with pipe(2): every program inherits every end of them.

use std::fs::File;
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
        pipes.push(nix::unistd::pipe()?);
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
    // The parent closes all but the last reading end.
    let last = pipes.pop().map(|(reader, _)| reader);
    drop(pipes);
    let mut output = Vec::new();
    if let Some(last) = last {
        File::from(last).read_to_end(&mut output)?;
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
