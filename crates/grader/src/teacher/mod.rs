//! The commands of who teaches: grading what others handed in, handing exercises out, making new
//! ones.

mod batch;
mod format;
mod handout;
mod submission;
mod template;

use std::path::Path;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use format::Format;

/// Adds the commands.
pub fn add(command: Command) -> Command {
    let directory = |what: &'static str| {
        Arg::new("directory").value_name("DIR").required(true).help(what).value_parser(path())
    };
    let exercises = |what: &'static str| {
        Arg::new("exercise")
            .long("exercise")
            .value_name("NAME")
            .action(ArgAction::Append)
            .help(what)
    };
    let within = || Arg::new("in").long("in").value_name("DIR").hide(true).value_parser(path());
    let counted = "Only this one, which counts even where it is missing (may be repeated)";
    command
        .subcommand(
            Command::new("submission")
                .about("Judges what somebody handed in, and reports it in a format")
                .arg(directory("Where the files are, or the directory exercises/ that holds them"))
                .arg(exercises(counted))
                .arg(
                    Arg::new("format")
                        .long("format")
                        .value_name("FORMAT")
                        .default_value("text")
                        .value_parser(PossibleValuesParser::new(Format::NAMES))
                        .help("What the report is written in"),
                )
                .arg(
                    Arg::new("out")
                        .long("out")
                        .value_name("FILE")
                        .value_parser(path())
                        .help("Where the report goes, if not to standard output"),
                ),
        )
        .subcommand(
            Command::new("batch")
                .about("Judges a class: every directory in DIR is a submission")
                .arg(directory("Where the submissions are"))
                .arg(exercises(counted))
                .arg(
                    Arg::new("jobs")
                        .long("jobs")
                        .value_name("N")
                        .value_parser(crate::from_one)
                        .help("How many at a time; half as many as processors if not given"),
                )
                .arg(
                    Arg::new("out")
                        .long("out")
                        .value_name("DIR")
                        .required(true)
                        .value_parser(path())
                        .help("Where results go; what is there already is not judged again"),
                ),
        )
        .subcommand(
            Command::new("handout")
                .about("Writes the learners' repository: no solutions, no wrong variants")
                .arg(directory("Where it goes: an empty directory, or a new one"))
                .arg(exercises("Only this exercise (may be repeated)")),
        )
        .subcommand(
            Command::new("new")
                .about("Starts an exercise from a template that `verify` already proves")
                .arg(Arg::new("name").value_name("NAME").required(true).help("What it is called"))
                .arg(within()),
        )
}

fn path() -> clap::builder::PathBufValueParser {
    clap::builder::PathBufValueParser::new()
}

/// Does what is asked, if it is one of these commands.
pub fn run(matches: &ArgMatches) -> Option<Result<bool>> {
    let (name, matches) = matches.subcommand()?;
    let directory = || -> Result<&Path> {
        let directory = matches.get_one::<std::path::PathBuf>("directory");
        Ok(directory.context("a directory")?)
    };
    let out = || matches.get_one::<std::path::PathBuf>("out").map(|out| out.as_path());
    let exercises = || -> Vec<String> {
        matches.get_many::<String>("exercise").into_iter().flatten().cloned().collect()
    };
    Some(match name {
        "submission" => directory().and_then(|directory| {
            let format = matches.get_one::<String>("format").context("a format")?;
            submission::command(directory, &exercises(), Format::named(format)?, out())
        }),
        "batch" => directory().and_then(|directory| {
            let jobs = matches.get_one::<usize>("jobs").copied();
            batch::command(directory, &exercises(), jobs, out().context("a directory")?)
        }),
        "handout" => directory().and_then(|directory| handout::command(directory, &exercises())),
        "new" => {
            let within = matches.get_one::<std::path::PathBuf>("in").map(|it| it.as_path());
            let name = matches.get_one::<String>("name").context("a name");
            name.and_then(|name| template::command(name, within))
        }
        _ => return None,
    })
}
