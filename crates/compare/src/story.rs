//! What the comparison prints: the table, statements at length, their counts, and how to go on.

use lab::{Verdict, indented};

use crate::Measured;
use crate::answer::Answer;
use crate::colour::Colour;
use crate::table::{self, Column, Filled};

/// All of it. Statements that this machine could not show are always said, with the reason; the
/// others where they are wanted `at_length`.
pub fn tell(rows: &[Filled], measured: &Measured, at_length: bool) -> String {
    let colour = Colour::here();
    let mut text = format!("{}\n", lab::machine::one_line());
    if let Some(busy) = &measured.busy {
        text += &format!("{}\n", indented(busy).trim_start());
    }
    text.push('\n');
    if !rows.is_empty() {
        text += &format!("{}\n", table::heading());
        text.extend(rows.iter().map(|row| row.lines(colour)));
        text.push('\n');
    }
    for answer in &measured.answers {
        let unshown = matches!(answer.verdict, Verdict::Failed | Verdict::Inconclusive);
        if unshown || at_length {
            text += &statement(answer, colour);
        }
    }
    text += &counts(measured);
    if let Some(advice) = advice(rows) {
        text += &format!("{advice}\n");
    }
    text + &going_on(measured, at_length)
}

fn statement(answer: &Answer, colour: Colour) -> String {
    let Answer { entry, verdict, because, .. } = answer;
    // Broken into lines first: the colour has no width.
    let said = indented(&format!("{verdict}: {because}"));
    let said = said.replacen(verdict.words(), &colour.verdict(*verdict), 1);
    let title = indented(&format!("{}. {}", entry.number, entry.says));
    let mut text = format!("{}\n{said}\n", title.trim_start());
    if *verdict == Verdict::Caveat {
        text += &format!("{}\n", indented(entry.nuance));
    }
    text + "\n"
}

fn counts(measured: &Measured) -> String {
    let all = measured.answers.len();
    let counted: Vec<String> = Verdict::ALL
        .iter()
        .filter(|verdict| measured.count(**verdict) > 0)
        .map(|verdict| format!("{verdict}: {}", measured.count(*verdict)))
        .collect();
    let (s, seconds) = (if all == 1 { "" } else { "s" }, measured.seconds);
    let line = indented(&counted.join(" · "));
    format!("{all} statement{s} answered in {seconds:.1} s:\n{line}\n")
}

/// What to make of the figures, in a line.
fn advice(rows: &[Filled]) -> Option<String> {
    let row = |name: &str| rows.iter().find(|row| row.row.name == name);
    let number = |name: &str, of: Column| row(name)?.number(of);
    let survive = |of: Column| number("crash impact", of).map(|survivors| survivors > 0.0);
    let ratio = number("creation", Column::Ratio)?;
    let contained = survive(Column::Process)? && !survive(Column::Thread)?;
    Some(match (contained, ratio > 1.0) {
        (true, true) => format!(
            "So: isolate what may crash (a fork = {ratio:.1} threads), share data in threads."
        ),
        (true, false) => {
            "So: isolate what may crash; a fork cost no more than a thread.".to_owned()
        }
        (false, _) => "So: a crash was not contained here; look at that first.".to_owned(),
    })
}

fn going_on(measured: &Measured, at_length: bool) -> String {
    let mut text = String::from("\n");
    let mut line = |what: &str, command: &str| text += &format!("{what:<20} {command}\n");
    if !at_length {
        line("Every statement:", "cargo run -q -- --verdicts");
    }
    let mut packages = measured.found.iter().map(|found| found.package);
    let package = packages.clone().find(|name| *name == "creation-cost").or(packages.next_back());
    if let Some(package) = package {
        line("One concept, shown:", &format!("cargo run -q -p {package}"));
    }
    line("Better figures:", "cargo run -q -- --full");
    line("Which for your task:", "cargo run -q -- choose");
    text
}
