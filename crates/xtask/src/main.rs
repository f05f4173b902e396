//! `cargo xtask`: what contributors run.
//!
//! `record [PACKAGE...]` runs concepts' programs and rewrites their transcripts; `new PACKAGE`
//! begins a concept.

mod record;
mod workspace;

use std::process::ExitCode;

use clap::{Arg, Command};

fn main() -> ExitCode {
    let given = match command().try_get_matches() {
        Ok(given) => given,
        Err(error) if !error.use_stderr() => {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let text = error.to_string();
            eprintln!("xtask: {}", text.lines().next().unwrap_or_default());
            return ExitCode::from(2);
        }
    };
    let names = |matches: &clap::ArgMatches| -> Vec<String> {
        matches.get_many("package").into_iter().flatten().cloned().collect()
    };
    let outcome = match given.subcommand() {
        Some(("record", matches)) => record::record(&names(matches)),
        _ => unreachable!("clap requires a subcommand"),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    Command::new("xtask")
        .about("What contributors of this project run")
        .subcommand_required(true)
        .subcommand(
            Command::new("record")
                .about("Run concepts' programs and rewrite their transcripts")
                .arg(Arg::new("package").num_args(0..).help("All concepts without any")),
        )
}
