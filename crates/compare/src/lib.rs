//! `cargo run`: process against thread, measured here and now, with a verdict on every statement.

#![cfg(target_os = "linux")]

mod answer;
mod colour;
mod command_line;
mod difference;
mod difference_page;
mod ledger;
mod machine;
mod markup;
mod occasion;
mod packages;
mod page;
mod plot;
mod plots;
mod recorded;
mod report;
mod scale;
mod story;
mod table;
mod turns;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::machine::{Busy, Load};
use lab::narrate::print;
use lab::{Effort, Run, Verdict};
use serde_json::{Value as Json, json};

use answer::{Answer, Found, Outcome};
use difference::Difference;
use lab::Destination;
use ledger::ledger;
use occasion::Occasion;
use packages::PACKAGES;

pub use command_line::main;

/// The version of the shape of `--json`.
const SCHEMA: u32 = 2;

fn compare(given: &ArgMatches) -> Result<ExitCode> {
    let ledger = ledger();
    let named = given.get_many::<String>("only").into_iter().flatten().map(String::as_str);
    // A statement's number stands for its name.
    let of_number = |name: &str| {
        let number: u32 = name.parse().ok()?;
        ledger.iter().find(|entry| entry.number == number).map(|entry| entry.id)
    };
    let wanted: Vec<&str> = named.map(|name| of_number(name).unwrap_or(name)).collect();
    if let Some(unknown) =
        wanted.iter().find(|name| !ledger.iter().any(|e| e.id == **name || e.package == **name))
    {
        if unknown.parse::<u32>().is_ok() {
            let last = ledger.len();
            let error = format!("there is no statement {unknown}; they are 1 to {last}");
            return Ok(command_line::usage(&error));
        }
        let known = ledger.iter().flat_map(|entry| [entry.id, entry.package]);
        let hint = match lab::similar(unknown, known) {
            Some(known) => format!("did you mean '{known}'?"),
            None => "--list shows them".to_owned(),
        };
        let error = format!("there is no statement or package '{unknown}'; {hint}");
        return Ok(command_line::usage(&error));
    }
    if given.get_flag("list") {
        let mut list = String::new();
        let is_wanted = |of: &&ledger::Entry| {
            wanted.is_empty() || wanted.contains(&of.id) || wanted.contains(&of.package)
        };
        for entry in ledger.iter().filter(is_wanted) {
            let (number, id, package, says) = (entry.number, entry.id, entry.package, entry.says);
            list += &format!("{number:>2} {id:<34} {package:<20} {says}\n");
        }
        print(&list)?;
        return Ok(ExitCode::SUCCESS);
    }
    if given.get_flag("markdown") {
        print(&ledger::page())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(folder) = given.get_one::<PathBuf>("draw") {
        recorded::draw(folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    // A place that cannot be written to is said before anything is measured.
    let html = destination(given)?;

    let measured = measure(&wanted, given.get_flag("full"));
    let rows = table::fill(&measured.answers, &measured.found);
    if given.get_flag("json") {
        print(&format!("{:#}\n", measured.json(&rows)))?;
    } else {
        let at_length = given.get_flag("verdicts") || !wanted.is_empty();
        print(&story::tell(&rows, &measured, at_length))?;
    }
    if let Some(html) = html {
        html.write(&report::page(&rows, &measured))?;
    }
    if let Some(folder) = given.get_one::<PathBuf>("record") {
        recorded::write(folder, &measured)?;
    }
    let mut agrees = measured.count(Verdict::Failed) == 0;
    if given.get_flag("check") {
        for answer in measured.answers.iter().filter(|answer| !answer.agrees()) {
            agrees = false;
            let Answer { entry, verdict, because, .. } = answer;
            let (id, expected) = (entry.id, entry.expected);
            let says = format!("the book expects '{expected}', this machine says '{verdict}'");
            messages::complain("compare", format_args!("{id}: {says}: {because}"));
        }
    }
    Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The file that `--html` names, opened.
fn destination(given: &ArgMatches) -> Result<Option<Destination<'_>>> {
    given.get_one::<PathBuf>("html").map(|path| page::destination(path)).transpose()
}

/// `diff A.json B.json`.
fn diff(given: &ArgMatches) -> Result<ExitCode> {
    let file = |name| -> &Path { given.get_one::<PathBuf>(name).expect("clap requires it") };
    let html = destination(given)?;
    let found = Difference::read(file("A.json"), file("B.json"))?;
    print(&found.text(given.get_flag("all")))?;
    if let Some(html) = html {
        html.write(&difference_page::page(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a run of the comparison found, and how busy the machine was meanwhile.
struct Measured {
    answers: Vec<Answer>,
    found: Vec<Found>,
    occasion: Occasion,
    seconds: f64,
    /// Before and after.
    load: [Option<Load>; 2],
    /// The share of the CPUs' time that others took, and the host; 0 to 1.
    shares: [Option<f64>; 2],
    /// Why figures may be disturbed.
    busy: Option<String>,
}

fn measure(wanted: &[&str], full: bool) -> Measured {
    let occasion = Occasion::now();
    let (start, before, watch) = (Instant::now(), Load::now(), Busy::begin());
    let chosen = answer::experiments(PACKAGES, wanted);
    let bar = progress_bar(chosen.len() as u64);
    let effort = if full { Effort::Full } else { Effort::Quick };
    let run = Run { effort, limit: effort.limit(), quiet: true, colour: false, trace: None };
    let Outcome { mut answers, found } = answer::answer(PACKAGES, &chosen, &run, |what| {
        bar.set_message(what.to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    if !wanted.is_empty() {
        answers.retain(|answer| {
            wanted.contains(&answer.entry.id) || wanted.contains(&answer.entry.package)
        });
    }
    Measured {
        answers,
        found,
        occasion,
        seconds: start.elapsed().as_secs_f64(),
        load: [before, Load::now()],
        shares: [watch.share(), watch.stolen()],
        busy: watch.so_far(),
    }
}

impl Measured {
    fn count(&self, verdict: Verdict) -> usize {
        self.answers.iter().filter(|answer| answer.verdict == verdict).count()
    }

    fn json(&self, rows: &[table::Filled]) -> Json {
        let mut counts: serde_json::Map<_, _> =
            Verdict::ALL.iter().map(|v| (v.words().to_owned(), json!(self.count(*v)))).collect();
        let turned = self.answers.iter().filter(|answer| !answer.turned_by.is_empty()).count();
        counts.insert("turned".to_owned(), json!(turned));
        json!({
            "schema": SCHEMA,
            "occasion": self.occasion.json(),
            "machine": lab::machine::describe(),
            "busy": self.busyness(),
            "rows": rows.iter().map(table::Filled::json).collect::<Vec<_>>(),
            "claims": self.answers.iter().map(Answer::json).collect::<Vec<_>>(),
            "experiments": self.found.iter().map(Found::json).collect::<Vec<_>>(),
            "counts": counts,
            "seconds": self.seconds,
        })
    }

    /// How busy the machine was before, while and after it was measured.
    fn busyness(&self) -> Json {
        let load = |load: Option<Load>| {
            load.map(|load| json!({ "average": load.average, "pressure": load.pressure }))
        };
        json!({
            "because": self.busy,
            "share_of_others": self.shares[0],
            "share_of_the_host": self.shares[1],
            "load_before": load(self.load[0]),
            "load_after": load(self.load[1]),
        })
    }
}

/// A bar on a terminal that can draw one, nothing elsewhere.
fn progress_bar(length: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() && !messages::is_dumb() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style =
        ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("the template is valid");
    ProgressBar::with_draw_target(Some(length), target).with_style(style)
}
