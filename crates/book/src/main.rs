//! `cargo book`: builds the book, checks it, serves it on this machine, and runs what its pages show.

mod build;
mod check;
mod contents;
mod door;
mod glossary;
mod listing;
mod marks;
mod peer;
mod predictions;
#[cfg(test)]
mod reading;
mod recorded;
mod run;
mod runnable;
mod search;
mod serve;
mod warn;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

fn main() -> ExitCode {
    let given = match command().try_get_matches() {
        Ok(given) => given,
        Err(error) if !error.use_stderr() => {
            return ended(
                write!(io::stdout(), "{error}").context("standard output"),
                ExitCode::FAILURE,
            );
        }
        Err(error) => {
            let sentence = messages::usage_sentence(&error);
            let wrong = anyhow::anyhow!("{sentence} (--help shows the usage)");
            return ended(Err(wrong), ExitCode::from(2));
        }
    };
    ended(run(&given), ExitCode::FAILURE)
}

fn run(given: &ArgMatches) -> Result<()> {
    let root = build::find()?;
    if given.subcommand_matches("build").is_some() {
        let pages = build::build(&root)?;
        return writeln!(io::stdout(), "{}", pages.display()).context("standard output");
    }
    let listener = serve::listen(given.get_one("port").copied())?;
    let pages = build::build(&root)?;
    let seconds = given.get_one("limit").copied().unwrap_or(60);
    let place = run::Place::new(&root, Duration::from_secs(seconds));
    serve::serve(&pages, place, listener, !given.get_flag("no-open"))
}

/// Says what went wrong, and ends with `failure` then.
fn ended(outcome: Result<()>, failure: ExitCode) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn::warn(&format!("{error:#}"));
            failure
        }
    }
}

fn command() -> Command {
    Command::new("book")
        .about("Builds the book, checks it, serves it on this machine, and opens a browser")
        .arg(
            Arg::new("port")
                .long("port")
                .value_parser(value_parser!(u16))
                .help("The port on the loopback address; 0 is any [default: 3000, else any]"),
        )
        .arg(
            Arg::new("no-open")
                .long("no-open")
                .action(ArgAction::SetTrue)
                .help("Print the address only, and open no browser"),
        )
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..=3600))
                .help("How long what a page runs may take, its build aside [default: 60]"),
        )
        .subcommand(
            Command::new("build").about("Build and check only, and say where the pages are"),
        )
}
