//! Calls `run_all` with the commands that the driver names.

use std::io::{self, PipeReader, Read, Write};
use std::process::{Command, Stdio};

use driver::shim::{answer, command};
use driver::{Failure, Wire};
use reap::run_all;

/// The types that a submission must have.
const _: fn(&mut [Command]) -> io::Result<Vec<i32>> = run_all;

/// Gives a command a pipe with this in it to read from, and another one to write to, whose reading end
/// stays here.
fn give(command: &mut Command, input: &[u8]) -> io::Result<PipeReader> {
    let (from, mut to) = io::pipe()?;
    to.write_all(input)?;
    let (output, written) = io::pipe()?;
    command.stdin(from).stdout(written);
    Ok(output)
}

fn main() {
    answer(|name, arguments| {
        let words: Vec<Vec<String>> = arguments.take();
        let mut commands: Vec<Command> = words.iter().map(|words| command(words)).collect();
        // What each of them is given to read; what each has written comes back with the codes.
        if name == "run_all, with pipes" {
            let inputs: Vec<Vec<u8>> = arguments.take();
            let outputs: Vec<PipeReader> = commands
                .iter_mut()
                .zip(inputs)
                .map(|(command, input)| give(command, &input).expect("two pipes"))
                .collect();
            let codes = run_all(&mut commands).map_err(Failure::from);
            // The commands have the writing ends.
            drop(commands);
            let written: Vec<Vec<u8>> = outputs
                .into_iter()
                .map(|mut output| {
                    let mut bytes = Vec::new();
                    output.read_to_end(&mut bytes).expect("a pipe");
                    bytes
                })
                .collect();
            return (codes, written).to_bytes();
        }
        let read_nothing: bool = arguments.take();
        if read_nothing {
            commands.iter_mut().for_each(|command| drop(command.stdin(Stdio::null())));
        }
        run_all(&mut commands).map_err(Failure::from).to_bytes()
    })
}
