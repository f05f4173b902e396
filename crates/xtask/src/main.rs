//! `cargo xtask`: what contributors run.
//!
//! `test` runs all tests, several programs at a time; `record [PACKAGE...]` runs concepts' programs and
//! rewrites their transcripts, and explores the scenarios of their chapters; `break PACKAGE NAME` tries
//! an edit that changes what an experiment finds; `surroundings [PACKAGE...]` lets calls fail; `new
//! PACKAGE` begins a concept; `draw TRACE FIGURE [ROLE...]` draws a trace as SVG.

#[macro_use]
mod output;

mod breaks;
mod draw;
mod record;
mod schedules;
mod skeleton;
mod surroundings;
mod test;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command, value_parser};

fn main() -> ExitCode {
    output::printing(run).unwrap_or_else(|error| failed(&error))
}

fn run() -> ExitCode {
    let given = match command().try_get_matches() {
        Ok(given) => given,
        Err(error) if !error.use_stderr() => {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let sentence = messages::usage_sentence(&error);
            messages::complain("xtask", format_args!("{sentence} (--help shows the usage)"));
            return ExitCode::from(2);
        }
    };
    let names = |matches: &clap::ArgMatches| -> Vec<String> {
        matches.get_many("package").into_iter().flatten().cloned().collect()
    };
    if let Err(error) = workspace::find() {
        return failed(&error);
    }
    let known = match given.subcommand() {
        Some(("record", matches)) => record::known().map(|known| (names(matches), known)),
        Some(("surroundings", matches)) => {
            workspace::concepts().map(|known| (names(matches), known))
        }
        _ => Ok((Vec::new(), Vec::new())),
    };
    match known.map(|(named, known)| workspace::unknown_of(&named, &known)) {
        Ok(None) => {}
        Ok(Some(code)) => return code,
        Err(error) => return failed(&error),
    }
    let outcome = match given.subcommand() {
        Some(("break", matches)) => {
            let word = |name: &str| matches.get_one::<String>(name).map(String::as_str);
            let tried = match word("package") {
                Some(package) => breaks::one(package, word("name")),
                None => {
                    let number =
                        |name: &str| *matches.get_one::<u32>(name).expect("a default") as usize;
                    breaks::all(number("share"), number("turn"))
                }
            };
            return tried.unwrap_or_else(|error| failed(&error));
        }
        Some(("test", matches)) => {
            let jobs = matches.get_one::<u32>("jobs").map(|jobs| *jobs as usize);
            return test::all(jobs).unwrap_or_else(|error| failed(&error));
        }
        Some(("record", matches)) => record::record(&names(matches)),
        Some(("draw", matches)) => {
            let path = |name: &str| {
                let path = matches.get_one::<PathBuf>(name).expect("clap requires it");
                path.as_path()
            };
            let roles = matches.get_many("role").into_iter().flatten().cloned();
            draw::draw(path("trace"), path("figure"), &roles.collect::<Vec<String>>())
        }
        Some(("surroundings", matches)) => {
            let seconds = matches.get_one("seconds").copied().unwrap_or(60);
            let programs = matches.get_one::<PathBuf>("programs").map(PathBuf::as_path);
            let only = matches.get_one::<String>("only").map_or("", String::as_str);
            surroundings::try_all(&names(matches), seconds, only, programs)
        }
        Some(("new", matches)) => {
            let word = |name: &str| matches.get_one::<String>(name).expect("clap requires it");
            skeleton::begin(word("package"), word("about"))
        }
        _ => unreachable!("clap requires a subcommand"),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Says what went wrong. What a compiler or a comparison said has lines of its own.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("xtask: {}", messages::lines(&format!("{error:#}")));
    ExitCode::FAILURE
}

fn command() -> Command {
    let path =
        |name: &'static str| Arg::new(name).required(true).value_parser(value_parser!(PathBuf));
    Command::new("xtask")
        .about("What contributors of this project run")
        .subcommand_required(true)
        .subcommand(
            Command::new("test").about("Run all tests, several test programs at a time").arg(
                Arg::new("jobs")
                    .long("jobs")
                    .value_name("N")
                    .value_parser(value_parser!(u32).range(1..))
                    .help("How many programs run at a time [default: one more than CPUs]"),
            ),
        )
        .subcommand(
            Command::new("record")
                .about("Run concepts' programs and rewrite their transcripts")
                .arg(Arg::new("package").num_args(0..).help("All concepts without any")),
        )
        .subcommand(
            Command::new("break")
                .about("Try an edit that changes what an experiment finds, in a scratch copy")
                .arg(
                    Arg::new("package")
                        .required_unless_present("all")
                        .help("A concept; without NAME its breaks are listed"),
                )
                .arg(Arg::new("name").help("The break to try"))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("package")
                        .help("Try all breaks of all concepts and print the counts"),
                )
                .arg(
                    Arg::new("share")
                        .long("share")
                        .value_name("N")
                        .value_parser(value_parser!(u32).range(1..))
                        .default_value("1")
                        .conflicts_with("package")
                        .help("With --all: only those of one concept in N"),
                )
                .arg(
                    Arg::new("turn")
                        .long("turn")
                        .value_name("K")
                        .value_parser(value_parser!(u32))
                        .default_value("0")
                        .conflicts_with("package")
                        .help("With --share: which of the N shares; others come by turns"),
                ),
        )
        .subcommand(
            Command::new("draw")
                .about("Draw a trace as SVG: a column for each thread, a bar for each stretch")
                .arg(path("trace").help("What a program wrote with --trace"))
                .arg(path("figure").help("The SVG file to write; one for a phone is put beside it"))
                .arg(Arg::new("role").num_args(0..).help("All but `main` without any")),
        )
        .subcommand(
            Command::new("surroundings")
                .about("Let calls fail and surroundings be unusual, and count what programs do")
                .arg(Arg::new("package").num_args(0..).help("All concepts without any"))
                .arg(
                    Arg::new("seconds")
                        .long("seconds")
                        .value_parser(value_parser!(u64))
                        .help("How long calls are made to fail, for each package [default: 60]"),
                )
                .arg(
                    Arg::new("only")
                        .long("only")
                        .value_name("TEXT")
                        .help("Only what contains it, as `limits, mmap no. 10: ENOMEM`"),
                )
                .arg(
                    Arg::new("programs")
                        .long("programs")
                        .value_name("FOLDER")
                        .value_parser(value_parser!(PathBuf))
                        .help("Try these programs instead of those that are built here"),
                ),
        )
        .subcommand(
            Command::new("new")
                .about("Begin a concept: package, tests, transcript, chapter, ledger, map")
                .arg(Arg::new("package").required(true).help("Lower-case letters and hyphens"))
                .arg(Arg::new("about").required(true).help("What the concept is, in a phrase")),
        )
}
