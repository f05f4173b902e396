//! What a user types, and what is said about what was mistyped.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command};

use lab::narrate::print;

use crate::packages::PACKAGES;
use crate::{compare, diff};

/// Runs the comparison as its command line says.
pub fn main() -> ExitCode {
    lab::serve(PACKAGES);
    let words = choosing::negative_joined(std::env::args_os());
    let given = match command().try_get_matches_from(words) {
        Ok(given) => given,
        Err(error) if !error.use_stderr() => {
            return match print(&format!("{}\n", error.to_string().trim_end())) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error),
            };
        }
        Err(error) => return usage(&messages::usage_sentence(&error)),
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
                .value_name("NUMBER|ID")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .help("Answer only these statements, or those of these packages"),
        )
        .arg(flag("full", "Take the time that good figures need, up to three minutes"))
        .arg(flag("check", "Fail where this machine disagrees with the book"))
        .arg(flag("json", "Print one JSON object and nothing else"))
        .arg(html("Write a page with plots, the machine and all statements, too"))
        .arg(
            flag("list", "List the statements and the packages that answer them")
                .conflicts_with_all(["verdicts", "full", "check", "json", "html"]),
        )
        .arg(flag("markdown", "Print the statements as the book's page").hide(true))
        .arg(folder("record", "Keep there what the book's plots are drawn from, and draw them"))
        .arg(folder("draw", "Draw the book's plots from what is kept there"))
        .subcommand(choosing::command("choose"))
        .subcommand(
            Command::new("diff")
                .about("Compare the --json of two machines")
                .arg(file("A.json"))
                .arg(file("B.json"))
                .arg(flag("all", "Print the figures that do not differ, too"))
                .arg(html("Write a page with the same, too")),
        )
}

/// Says what is wrong with the command line; status 2.
pub fn usage(error: &str) -> ExitCode {
    let shown = "cargo run -q -- --help shows the usage";
    messages::complain("compare", format_args!("{error} ({shown})"));
    ExitCode::from(2)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    messages::complain("compare", format_args!("{error:#}"));
    ExitCode::FAILURE
}
