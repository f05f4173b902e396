//! Lets std make the pipes, `Stdio::piped`, and hands each one on.

use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
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
    for program in programs {
        let input = before.take().map_or_else(Stdio::null, Stdio::from);
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).stdin(input).stdout(Stdio::piped());
        let mut child = command.spawn().ok();
        before = child.as_mut().and_then(|child| child.stdout.take());
        children.push(child);
    }
    let mut output = Vec::new();
    let read = before.map_or(Ok(0), |mut last| last.read_to_end(&mut output));
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
