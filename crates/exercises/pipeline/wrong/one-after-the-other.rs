//! Runs each program to its end and hands its output to the next.

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let mut data = Vec::new();
    let mut codes = Vec::new();
    for program in programs {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            codes.push(127);
            data.clear();
            continue;
        };
        let mut input = child.stdin.take().expect("it is piped");
        let before = std::mem::take(&mut data);
        let feeder = std::thread::spawn(move || input.write_all(&before));
        let ended = child.wait_with_output()?;
        let _ = feeder.join();
        data = ended.stdout;
        codes.push(code(ended.status));
    }
    Ok(Outcome { output: data, codes })
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
