//! `cargo run`: process against thread, measured here and now, with a verdict on every statement.

#![cfg(target_os = "linux")]

mod answer;
mod difference;
mod ledger;
mod packages;
mod report;
mod table;
mod turns;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::{Effort, Run, Verdict};
use serde_json::json;

use answer::{Answer, Outcome};
use ledger::ledger;
use packages::PACKAGES;

/// The version of the shape of `--json`.
const SCHEMA: u32 = 1;

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
        Err(error) => return usage(error.to_string().lines().next().unwrap_or_default()),
    };
    let outcome = match given.subcommand() {
        Some(("diff", files)) => {
            let file = |name| files.get_one::<PathBuf>(name).expect("clap requires it").as_path();
            difference::print(file("a"), file("b")).map(|()| ExitCode::SUCCESS)
        }
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
    Command::new("compare")
        .about(
            "Process against thread, measured on this machine, with a verdict on every statement",
        )
        .args_conflicts_with_subcommands(true)
        .arg(flag("json", "Print one JSON object and nothing else"))
        .arg(
            Arg::new("html")
                .long("html")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Write a page with plots, the machine and all statements, too"),
        )
        .arg(flag("check", "Fail where this machine disagrees with the book"))
        .arg(flag("list", "List the statements and the packages that answer them"))
        .arg(flag("markdown", "Print the statements as the book's page").hide(true))
        .arg(flag("full", "Take the time that good figures need, and print every statement"))
        .arg(
            Arg::new("only")
                .long("only")
                .value_name("ID")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .help("Answer only these statements, or those of these packages"),
        )
        .subcommand(
            Command::new("diff")
                .about("Compare the --json of two machines")
                .arg(file("a"))
                .arg(file("b")),
        )
}

fn usage(error: &str) -> ExitCode {
    let error = error.strip_prefix("error: ").unwrap_or(error);
    let _ = writeln!(io::stderr(), "compare: {error} (--help shows the usage)");
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

fn compare(given: &ArgMatches) -> Result<ExitCode> {
    let wanted: Vec<&str> =
        given.get_many::<String>("only").into_iter().flatten().map(String::as_str).collect();
    let ledger = ledger();
    if let Some(unknown) =
        wanted.iter().find(|name| !ledger.iter().any(|e| e.id == **name || e.package == **name))
    {
        return Ok(usage(&format!(
            "there is no statement or package '{unknown}'; --list shows them"
        )));
    }
    if given.get_flag("list") {
        for entry in &ledger {
            writeln!(
                io::stdout(),
                "{:>2} {:<34} {:<20} {}",
                entry.number,
                entry.id,
                entry.package,
                entry.says
            )?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if given.get_flag("markdown") {
        io::stdout().write_all(ledger::page().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let start = Instant::now();
    let chosen = answer::experiments(PACKAGES, &wanted);
    let bar = progress_bar(chosen.len() as u64);
    let full = given.get_flag("full");
    let effort = if full { Effort::Full } else { Effort::Quick };
    let run = Run { effort, limit: effort.limit(), quiet: true, colour: false, trace: None };
    let Outcome { mut answers, found } = answer::answer(PACKAGES, &chosen, &run, |what| {
        bar.set_message(what.to_owned());
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    if !wanted.is_empty() {
        answers.retain(|answer| {
            wanted.contains(&answer.entry.id) || wanted.contains(&answer.entry.package)
        });
    }
    let seconds = start.elapsed().as_secs_f64();
    let rows = table::fill(&answers, &found);
    if let Some(path) = given.get_one::<PathBuf>("html") {
        let page = report::page(&rows, &answers, &found, seconds)?;
        std::fs::write(path, page).with_context(|| format!("write {}", path.display()))?;
    }
    if given.get_flag("json") {
        let mut counts: serde_json::Map<_, _> = Verdict::ALL
            .iter()
            .map(|v| (v.words().to_owned(), json!(count(&answers, *v))))
            .collect();
        let turned = answers.iter().filter(|answer| !answer.turned_by.is_empty()).count();
        counts.insert("turned".to_owned(), json!(turned));
        let object = json!({
            "schema": SCHEMA,
            "machine": lab::machine::describe(),
            "rows": rows.iter().map(table::Filled::json).collect::<Vec<_>>(),
            "claims": answers.iter().map(Answer::json).collect::<Vec<_>>(),
            "counts": counts,
            "seconds": seconds,
        });
        writeln!(io::stdout(), "{object:#}")?;
    } else {
        print(&rows, &answers, full || !wanted.is_empty(), seconds)?;
    }
    if !given.get_flag("check") {
        return Ok(ExitCode::SUCCESS);
    }
    let mut agrees = true;
    for answer in answers.iter().filter(|answer| !answer.agrees()) {
        agrees = false;
        writeln!(
            io::stderr(),
            "compare: {}: the book expects '{}', this machine says '{}': {}",
            answer.entry.id,
            answer.entry.expected,
            answer.verdict,
            answer.because
        )?;
    }
    Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(rows: &[table::Filled], answers: &[Answer], statements: bool, seconds: f64) -> Result<()> {
    let mut text = format!("{}\n\n", lab::machine::one_line());
    if !rows.is_empty() {
        text += &format!("{}\n", table::heading());
        text.extend(rows.iter().map(|row| format!("{}\n", row.lines())));
        text.push('\n');
    }
    for answer in answers {
        // What this machine could not show is always said, with the reason.
        let unshown = matches!(answer.verdict, Verdict::Failed | Verdict::Inconclusive);
        if unshown || (statements && answer.verdict != Verdict::NotBuilt) {
            let Answer { entry, verdict, because, .. } = answer;
            text += &format!("{}. {}\n", entry.number, entry.says);
            text += &format!("{}\n", lab::indented(&format!("{verdict}: {because}")));
            if *verdict == Verdict::Caveat {
                text += &format!("{}\n", lab::indented(entry.nuance));
            }
            text.push('\n');
        }
    }
    let counted: Vec<String> = Verdict::ALL
        .iter()
        .filter(|verdict| **verdict != Verdict::NotBuilt && count(answers, **verdict) > 0)
        .map(|verdict| format!("{verdict}: {}", count(answers, *verdict)))
        .collect();
    if !counted.is_empty() {
        text += &format!(
            "Statements, in {seconds:.1} s:  {}\nAll of them, at length:  cargo run -q -- --full\n",
            counted.join("  ·  ")
        );
    }
    let missing = count(answers, Verdict::NotBuilt);
    if missing > 0 {
        text += &format!(
            "{missing} of the {} statement{} no program yet: not built yet.\n",
            answers.len(),
            if answers.len() == 1 { " has" } else { "s have" }
        );
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn count(answers: &[Answer], verdict: Verdict) -> usize {
    answers.iter().filter(|answer| answer.verdict == verdict).count()
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar(length: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style =
        ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("the template is valid");
    ProgressBar::with_draw_target(Some(length), target).with_style(style)
}
