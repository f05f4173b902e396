//! Calls `run_all` with the commands that the driver names.

use std::io;
use std::process::{Command, Stdio};

use driver::shim::{answer, command};
use driver::{Failure, Wire};
use reap::run_all;

/// The types that a submission must have.
const _: fn(&mut [Command]) -> io::Result<Vec<i32>> = run_all;

fn main() {
    answer(|_, arguments| {
        let words: Vec<Vec<String>> = arguments.take();
        let read_nothing: bool = arguments.take();
        let mut commands: Vec<Command> = words.iter().map(|words| command(words)).collect();
        if read_nothing {
            commands.iter_mut().for_each(|command| drop(command.stdin(Stdio::null())));
        }
        run_all(&mut commands).map_err(Failure::from).to_bytes()
    })
}
