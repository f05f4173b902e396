//! Threads or processes: for which task which, by what this machine costs.
//!
//! What must stay apart, because it may crash or is not trusted, needs processes. Among what is left
//! the price decides, and beside a price that nobody notices the simpler program.
//!
//! Source: clone(2), fork(2), epoll(7), pipe(7); J. D. C. Little, "A Proof for the Queuing Formula:
//! L = λW", 1961.

#![cfg(target_os = "linux")]

mod advise;
mod answers;
mod arms;
mod claims;
mod command;
mod decide;
mod eight;
mod figures;
mod map;
mod measure;
mod memory;
mod reasons;
mod scoreboard;
mod turns;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

pub use command::{choose, command, negative_joined};

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "choosing",
    about: "choosing: threads or processes for which task, by what this machine costs",
    experiments: &[scoreboard::EXPERIMENT, map::EXPERIMENT, advise::EXPERIMENT],
    claims: claims::CLAIMS,
    roles: &[lab::Role { name: "nothing", run: |_| Ok(()) }],
    breaks: include_str!("../breaks.toml"),
};

/// What `advise` with answers does, and `advise` alone on a terminal: the same as `choose`. `None` if
/// the command line is another one, as every concept's program has it.
pub fn advised() -> Option<ExitCode> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (first, rest) = words.split_first()?;
    let answers = |word: &OsString| {
        let word = word.to_string_lossy();
        let option = word.strip_prefix("--").and_then(|word| word.split('=').next());
        option.is_some_and(|option| {
            option == "help" || answers::QUESTIONS.iter().any(|it| it.option == option)
        })
    };
    let terminal = || io::stdin().is_terminal() && io::stdout().is_terminal();
    if first != "advise" || !(rest.iter().any(answers) || rest.is_empty() && terminal()) {
        return None;
    }
    lab::serve(&[&PACKAGE]);
    Some(command::main("choosing", rest.iter().cloned()))
}
