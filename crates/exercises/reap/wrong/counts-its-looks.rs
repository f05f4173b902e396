//! Looks every three milliseconds, and gives up after ten thousand looks.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::time::Duration;

/// A command on its way.
enum State {
    Runs(Child),
    Ended(i32),
}

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut states = Vec::with_capacity(commands.len());
    for command in commands {
        states.push(command.spawn().map_or(State::Ended(127), State::Runs));
    }
    for _ in 0..10_000 {
        let mut running = 0;
        for state in &mut states {
            let State::Runs(child) = state else { continue };
            match child.try_wait() {
                Ok(Some(status)) => {
                    *state = State::Ended(status.number());
                }
                _ => running += 1,
            }
        }
        if running == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    let code = |state| match state {
        State::Ended(code) => code,
        State::Runs(_) => 127,
    };
    Ok(states.into_iter().map(code).collect())
}

trait Code {
    fn number(self) -> i32;
}

impl Code for std::process::ExitStatus {
    fn number(self) -> i32 {
        match (self.code(), self.signal()) {
            (Some(code), _) => code,
            (None, Some(signal)) => 128 + signal,
            (None, None) => 127,
        }
    }
}
