//! A report for people, in a terminal, a mail or the log of a runner.

use std::fmt::Write;

use super::{PLAIN, Report, Sources, rows};
use crate::show;
use crate::teacher::escape::plain;
use crate::teacher::submission::{Graded, State};

/// The report as text.
pub fn write(report: &Report) -> String {
    let mut text = String::new();
    for graded in report.graded {
        let _ = writeln!(text, "== {}: {}", graded.exercise.name, graded.exercise.title);
        let _ = writeln!(text, "{}", of_exercise(graded));
    }
    let (points, possible) = (report.points(), report.possible());
    let _ = writeln!(text, "{}: {points} of {possible} points.", report.name);
    plain(&text)
}

/// What is said of one exercise.
pub fn of_exercise(graded: &Graded) -> String {
    let sources = Sources::of(graded);
    let text = match &graded.state {
        State::Judged(verdict) => show::verdict(verdict, &sources.each(), PLAIN),
        State::Missing | State::Failed(_) => {
            rows(graded).first().map(|row| format!("{}\n", row.text)).unwrap_or_default()
        }
    };
    plain(&text)
}
