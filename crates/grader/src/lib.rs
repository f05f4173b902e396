//! Judges exercises: compiles one file with the checks of its exercise, runs them in isolation, and
//! says what happened. `cargo grade` runs it.

#![cfg(target_os = "linux")]

#[macro_use]
mod output;

mod catalogue;
mod compile;
mod doctor;
mod escape;
mod inspect;
mod judge;
mod lacking;
mod linker;
mod loops;
mod machine;
mod model;
mod mutants;
mod names;
mod play;
mod prepare;
mod process;
mod progress;
pub mod share;
mod show;
mod submission;
mod teacher;
mod terminal;
mod text;
mod tokens;
mod toolchain;
mod usage;
mod verify;
mod watch;
mod workers;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::builder::{PathBufValueParser, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Command};

use catalogue::{Exercise, Kind};
use explorer::schedule::{Choices, Steps};
use judge::{Manner, judge};
use progress::Progress;
use share::Share;
use show::Style;
use usage::usage;
use verify::Wanted;

/// Does what the command line says.
pub fn main() -> ExitCode {
    sandbox::enter(|_, archive| inspect::archive(archive));
    output::too_large_is_an_error();
    let matches = teacher::add(command()).try_get_matches();
    let result = output::printing(|| match &matches {
        Ok(matches) => run(matches),
        Err(help) if !help.use_stderr() => {
            print!("{}", help.render());
            Ok(true)
        }
        Err(error) => {
            let sentence = messages::usage_sentence(error);
            Err(usage(format!("{sentence} (`cargo grade --help` shows the usage)")))
        }
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let said = machine::named(&format!("{error:#}"));
            eprintln!("grade: {}", messages::one_line(&said));
            match () {
                _ if error.is::<usage::Usage>() => ExitCode::from(2),
                _ if error.is::<usage::NotJudged>() => ExitCode::from(3),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn command() -> Command {
    let name = || Arg::new("name").value_name("NAME").help("The exercise");
    let without = || {
        Arg::new("without")
            .long("without")
            .value_name("ISOLATION")
            .action(ArgAction::Append)
            .value_parser(PossibleValuesParser::new(sandbox::CAN_DO_WITHOUT))
            .hide(true)
            .help("Do without this, to see how it goes")
    };
    Command::new("grade")
        .bin_name("cargo grade")
        .about("Judges exercises; without arguments, lists them")
        .args_conflicts_with_subcommands(true)
        // Of two, the first may be a command that is not spelt so.
        .arg(name().num_args(0..).value_name("NAME"))
        .override_usage("cargo grade [OPTIONS] [NAME]\n       cargo grade <COMMAND>")
        .arg(
            Arg::new("file")
                .long("file")
                .value_name("FILE")
                .value_parser(PathBufValueParser::new())
                .help("Judge this file instead"),
        )
        .arg(
            Arg::new("replay")
                .long("replay")
                .value_name("STRING")
                .help("Run again what a verdict named: a schedule, or a check with its seed"),
        )
        .arg(
            Arg::new("play").long("play").value_name("CHECK").num_args(0..=1).help(
                "Choose which thread runs next, in a check; with --replay, walk that schedule",
            ),
        )
        .arg(
            Arg::new("html")
                .long("html")
                .value_name("FILE")
                .value_parser(PathBufValueParser::new())
                .requires("name")
                .conflicts_with("play")
                .help("Also write the verdict and its counter-example as one page"),
        )
        .arg(
            Arg::new("watch")
                .long("watch")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["file", "replay", "play", "html"])
                .help("Judge on every save, on a screen with keys; without a name, what is next"),
        )
        .arg(
            Arg::new("told")
                .long("told")
                .action(ArgAction::SetTrue)
                .requires("name")
                .hide(true)
                .help("Print the verdict for whoever watches"),
        )
        .arg(without())
        .subcommand(Command::new("list").about("Lists the exercises, as without arguments"))
        .subcommand(
            Command::new("hint")
                .about("Shows the next hint, of three")
                .arg(name().required(true))
                .arg(
                    Arg::new("level")
                        .value_name("1-3")
                        .value_parser(PossibleValuesParser::new(["1", "2", "3"]))
                        .help("This hint instead"),
                ),
        )
        .subcommand(
            Command::new("reset")
                .about("Begins anew, and keeps what was there under another name")
                .arg(name().required(true)),
        )
        .subcommand(
            Command::new("solution")
                .about("Shows the solution, once yours passes, and why others fail")
                .arg(name().required(true))
                .arg(
                    Arg::new("give-up")
                        .long("give-up")
                        .action(ArgAction::SetTrue)
                        .help("Show it although yours does not pass"),
                ),
        )
        .subcommand(
            Command::new("verify")
                .about("Proves exercises: wrong variants are caught, right ones pass")
                .arg(name().num_args(0..).help("The exercises; without, all"))
                .arg(
                    Arg::new("table").long("table").action(ArgAction::SetTrue).help(
                        "Run all checks on each wrong variant, and print which ones catch it",
                    ),
                )
                .arg(
                    Arg::new("share")
                        .long("share")
                        .value_name("N")
                        .value_parser(from_one)
                        .help("Judge one in N of each exercise's wrong variants, chosen by chance"),
                )
                .arg(
                    Arg::new("seed")
                        .long("seed")
                        .value_name("HEX")
                        .value_parser(|text: &str| {
                            u64::from_str_radix(text, 16).map_err(|_| "it is hexadecimal: 3f2a")
                        })
                        .requires("share")
                        .help("Choose those that a run has chosen before, which named this"),
                )
                .arg(
                    Arg::new("mutants")
                        .long("mutants")
                        .action(ArgAction::SetTrue)
                        .conflicts_with_all(["table", "share"])
                        .help("Judge variants that are made from the solutions, and nothing else"),
                )
                .arg(
                    Arg::new("in")
                        .long("in")
                        .value_name("DIR")
                        .value_parser(PathBufValueParser::new())
                        .requires("name")
                        .hide(true),
                ),
        )
        .subcommand(
            Command::new("prepare").about("Builds all that verdicts need, which is done once"),
        )
        .subcommand(
            Command::new("doctor").about("Says which isolation is in force here").arg(without()),
        )
}

/// Reads a whole number that is not 0.
pub(crate) fn from_one(text: &str) -> std::result::Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("it is a whole number, 1 or more")
}

/// That there is one exercise at most, and after --play the name of a check.
fn ensure_one(matches: &ArgMatches) -> Result<()> {
    let names: Vec<&String> = matches.get_many("name").into_iter().flatten().collect();
    let known = catalogue::names()?;
    let commands = teacher::add(command());
    let commands: Vec<&str> = commands.get_subcommands().map(Command::get_name).collect();
    if let [only] = names[..] {
        let all: Vec<&str> = known.iter().map(String::as_str).chain(commands.clone()).collect();
        let meant = catalogue::nearest(only, &all).filter(|it| commands.contains(it));
        if let (Some(meant), false) = (meant, known.contains(only)) {
            return Err(usage(format!("there is no exercise {only:?}; did you mean {meant}?")));
        }
    }
    if let [first, _, ..] = names[..] {
        let said = match catalogue::nearest(first, &commands) {
            Some(meant) if !known.contains(first) => {
                format!("there is no command {first:?}; did you mean {meant}?")
            }
            _ if commands.contains(&names[1].as_str()) => {
                format!("the command comes first: {} {first}", names[1])
            }
            _ => {
                let given: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                format!("one exercise at a time, and not {}", given.join(" and "))
            }
        };
        return Err(usage(said));
    }
    if let (Some(option), true) =
        (["file", "replay"].iter().find(|it| matches.contains_id(it)), names.is_empty())
    {
        return Err(usage(format!("--{option} needs the name of an exercise")));
    }
    if matches.contains_id("play") && names.is_empty() {
        let check = matches.get_one::<String>("play");
        let said = match check.filter(|it| catalogue::names().is_ok_and(|all| all.contains(it))) {
            Some(name) => {
                format!("after --play stands a check; the exercise comes before it: {name} --play")
            }
            None => "--play needs the name of an exercise before it".to_owned(),
        };
        return Err(usage(said));
    }
    Ok(())
}

fn without(matches: &ArgMatches) -> Vec<String> {
    matches.get_many::<String>("without").into_iter().flatten().cloned().collect()
}

fn run(matches: &ArgMatches) -> Result<bool> {
    if let Some(result) = teacher::run(matches) {
        return result;
    }
    if matches.subcommand().is_none() {
        ensure_one(matches)?;
    }
    let style = Style::of_terminal();
    let exercise = |matches: &ArgMatches| {
        let name = matches.get_one::<String>("name").context("the name of an exercise")?;
        catalogue::load(name)
    };
    match matches.subcommand() {
        Some(("list", _)) => submission::list(style),
        Some(("hint", matches)) => {
            let level = matches.get_one::<String>("level").and_then(|level| level.parse().ok());
            submission::hint(&exercise(matches)?, level, style)
        }
        Some(("reset", matches)) => submission::reset(&exercise(matches)?),
        Some(("solution", matches)) => {
            submission::solution(&exercise(matches)?, matches.get_flag("give-up"), style)
        }
        Some(("verify", matches)) => {
            let names = match matches.get_many::<String>("name") {
                Some(names) => names.cloned().collect(),
                None => catalogue::names()?,
            };
            let within = matches.get_one::<PathBuf>("in");
            let exercises: Result<Vec<Exercise>> = names
                .iter()
                .map(|name| match within {
                    Some(directory) => catalogue::read(&directory.join(name)),
                    None => catalogue::load(name),
                })
                .collect();
            if matches.get_flag("mutants") {
                return mutants::verify(&exercises?);
            }
            let share = match (matches.get_one::<usize>("share"), matches.get_one::<u64>("seed")) {
                (None, _) => Share::ALL,
                (Some(one_in), seed) => {
                    Share { one_in: *one_in, seed: seed.copied().map_or_else(process::seed, Ok)? }
                }
            };
            let table = matches.get_flag("table");
            verify::verify(&exercises?, &Wanted { share, table, style })
        }
        Some(("prepare", _)) => prepare::prepare(),
        Some(("doctor", matches)) => doctor::doctor(&without(matches)),
        _ if matches.get_flag("watch") => {
            let first = matches.contains_id("name").then(|| exercise(matches)).transpose()?;
            match watch::watch(first, &without(matches))? {
                None => Ok(true),
                // As a shell reports a program that was ended by a signal.
                Some(signal) => std::process::exit(128 + signal as i32),
            }
        }
        _ if matches.contains_id("play") => play(&exercise(matches)?, matches, style),
        _ if matches.contains_id("name") => grade(&exercise(matches)?, matches, style),
        _ => submission::list(style),
    }
}

/// The file that is meant.
fn file(exercise: &Exercise, matches: &ArgMatches) -> Result<PathBuf> {
    match matches.get_one::<PathBuf>("file") {
        Some(file) => Ok(file.clone()),
        None => submission::begin(exercise),
    }
}

/// What to run again, if that is asked for.
fn replay(exercise: &Exercise, matches: &ArgMatches) -> Result<Option<(String, String)>> {
    let replay = matches.get_one::<String>("replay");
    replay.map(|replay| what_to_replay(exercise, replay)).transpose()
}

fn play(exercise: &Exercise, matches: &ArgMatches, style: Style) -> Result<bool> {
    let name = &exercise.name;
    if exercise.kind == Kind::Process {
        return Err(usage(format!("{name} is not run under schedules, so nobody can be chosen")));
    }
    let replay = replay(exercise, matches)?;
    let wanted = matches.get_one::<String>("play");
    if let Some(name) = wanted {
        exercise.check(name)?;
    }
    let check = match (wanted, &replay) {
        (Some(wanted), Some((check, _))) if wanted != check => {
            return Err(usage(format!("the schedule is one of {check}, and not of {wanted}")));
        }
        (wanted, replay) => wanted.or(replay.as_ref().map(|(check, _)| check)),
    };
    let source = submission::read(&file(exercise, matches)?)?;
    let manner = Manner { colour: style.colour, without: without(matches), ..Manner::default() };
    let check = check.map(String::as_str);
    let replay = replay.as_ref().map(|(_, schedule)| schedule.as_str());
    match play::play(exercise, check, replay, &source, &manner, style)? {
        play::Played::Not => Ok(false),
        play::Played::Left { failed } => Ok(!failed),
        // As a shell reports a program that was ended by a signal.
        play::Played::Signal(signal) => std::process::exit(128 + signal as i32),
    }
}

fn grade(exercise: &Exercise, matches: &ArgMatches, style: Style) -> Result<bool> {
    let replay = replay(exercise, matches)?;
    let path = file(exercise, matches)?;
    let source = submission::read(&path)?;
    let html = matches.get_one::<PathBuf>("html");
    if let Some(path) = html {
        submission::is_for_a_page(path)?;
    }
    // What does not end takes a while to be judged.
    let progress = match matches.get_flag("told") {
        true => Progress::of_watched(),
        false => Progress::of_terminal(&submission::shown(&path), style),
    };
    let without = without(matches);
    let manner = Manner { colour: style.colour, without, replay, progress, ..Manner::default() };
    let verdict = judge(exercise, &source, &manner);
    manner.progress.is_over();
    let verdict = verdict?;
    let file = exercise.file_name();
    let text = String::from_utf8_lossy(&source);
    let checks = exercise.file("checks.rs")?;
    let sources = [(file.as_str(), &*text), (harness::CHECKS, checks.as_str())];
    let remembers = manner.replay.is_none() && !matches.contains_id("file");
    if remembers {
        submission::remember(exercise, verdict.passed(), verdict.points());
    }
    if matches.get_flag("told") {
        let passed = verdict.passed();
        said_of_isolation(&verdict);
        watch::Told::of(&text, verdict).write()?;
        return Ok(passed);
    }
    print!("{}", show::verdict(&verdict, &sources, style));
    if let Some(path) = html {
        let page = play::page(exercise, &source, &verdict, &sources, &manner)?;
        std::fs::write(path, page).with_context(|| submission::shown(path))?;
        println!("\nThe verdict as a page: {}", submission::shown(path));
    }
    said_of_isolation(&verdict);
    if remembers && std::io::stdout().is_terminal() {
        submission::what_next(exercise, verdict.passed());
    }
    Ok(verdict.passed())
}

fn said_of_isolation(verdict: &judge::Verdict) {
    for missing in &verdict.missing {
        eprintln!("Isolation is incomplete: {missing} (see `cargo grade doctor`).");
    }
}

/// The check and the schedule that a string from a verdict names.
fn what_to_replay(exercise: &Exercise, replay: &str) -> Result<(String, String)> {
    let name = &exercise.name;
    let Some((check, schedule)) = replay.split_once(':') else {
        return Err(usage("--replay takes CHECK:SCHEDULE or CHECK:SEED, as a verdict names it"));
    };
    if check == catalogue::TIDY && exercise.tidy.is_some() {
        return Err(usage(format!(
            "{check} is what all other checks leave behind, and is not run by itself: cargo grade {name}"
        )));
    }
    exercise.check(check)?;
    let is_one = match exercise.kind {
        Kind::Process => process::read_seed(schedule).map(|_| true)?,
        Kind::Explored => Steps::from_text(schedule).is_some(),
        Kind::Weak => Choices::from_text(schedule).is_some(),
    };
    if !is_one {
        return Err(usage(format!("{schedule:?} is not a schedule, as a verdict names one")));
    }
    Ok((check.to_owned(), schedule.to_owned()))
}
