//! What a user types, and what is said about what was mistyped.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use crate::packages::PACKAGES;
use crate::{compare, diff};

/// Runs the comparison as its command line says.
pub fn main() -> ExitCode {
    lab::serve(PACKAGES);
    let given = match command().try_get_matches() {
        Ok(given) => given,
        Err(error) if !error.use_stderr() => {
            return match writeln!(io::stdout(), "{}", error.to_string().trim_end()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error.into()),
            };
        }
        Err(error) => return usage(&sentence(&error)),
    };
    let outcome = match given.subcommand() {
        Some(("diff", given)) => diff(given),
        Some(("choose", given)) => choosing::choose(given).map(|chosen| match chosen {
            Ok(()) => ExitCode::SUCCESS,
            Err(wrong) => usage(&wrong),
        }),
        _ => compare(&given),
    };
    outcome.unwrap_or_else(|error| fail(&error))
}

fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
    };
    let file = |name: &'static str| {
        Arg::new(name).required(true).value_parser(clap::value_parser!(PathBuf))
    };
    let html = |help: &'static str| {
        Arg::new("html")
            .long("html")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help(help)
    };
    let folder = |name: &'static str, help: &'static str| {
        html(help).id(name).long(name).value_name("FOLDER").hide(true)
    };
    Command::new("compare")
        .bin_name("cargo run -q --")
        .about(
            "Process against thread, measured on this machine, with a verdict on every statement",
        )
        .args_conflicts_with_subcommands(true)
        .arg(flag("verdicts", "Print every statement with its verdict and the reason"))
        .arg(
            Arg::new("only")
                .long("only")
                .value_name("ID")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .help("Answer only these statements, or those of these packages"),
        )
        .arg(flag("full", "Take the time that good figures need, up to three minutes"))
        .arg(flag("check", "Fail where this machine disagrees with the book"))
        .arg(flag("json", "Print one JSON object and nothing else"))
        .arg(html("Write a page with plots, the machine and all statements, too"))
        .arg(flag("list", "List the statements and the packages that answer them"))
        .arg(flag("markdown", "Print the statements as the book's page").hide(true))
        .arg(folder("record", "Keep there what the book's plots are drawn from, and draw them"))
        .arg(folder("draw", "Draw the book's plots from what is kept there"))
        .subcommand(choosing::command("choose"))
        .subcommand(
            Command::new("diff")
                .about("Compare the --json of two machines")
                .arg(file("A.json"))
                .arg(file("B.json"))
                .arg(html("Write a page with the same, too")),
        )
}

/// What clap has to say, in one sentence: its first line, what it names below, and its tip.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut said = text.lines().next().unwrap_or_default().to_owned();
    let words = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => word.clone(),
        Some(ContextValue::Strings(words)) => words.join(" "),
        _ => String::new(),
    };
    if said.ends_with("not provided:") {
        said = format!("diff: missing: {}", words(ContextKind::InvalidArg));
    }
    let near = words(ContextKind::SuggestedArg) + &words(ContextKind::SuggestedSubcommand);
    if !near.is_empty() {
        said += &format!("; did you mean '{near}'?");
    }
    said
}

/// The nearest of the known names, as a question; nothing if none is near.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = |name: &str| strsim::jaro_winkler(word, name);
    match known.max_by(|a, b| near(a).total_cmp(&near(b))) {
        Some(name) if near(name) > 0.8 => format!("; did you mean '{name}'?"),
        _ => String::new(),
    }
}

/// Says what is wrong with the command line; status 2.
pub fn usage(error: &str) -> ExitCode {
    let error = error.strip_prefix("error: ").unwrap_or(error);
    let _ = writeln!(io::stderr(), "compare: {error} (cargo run -q -- --help shows the usage)");
    ExitCode::from(2)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let gone =
        error.downcast_ref::<io::Error>().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe);
    let _ = if gone {
        writeln!(io::stderr(), "compare: nobody reads the output any more")
    } else {
        writeln!(io::stderr(), "compare: {error:#}")
    };
    ExitCode::FAILURE
}
