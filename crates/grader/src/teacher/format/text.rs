//! A report for people, in a terminal, a mail or the log of a runner.

use std::fmt::Write;

use super::{PLAIN, Report, Sources, rows};
use crate::escape::plain;
use crate::show;
use crate::teacher::submission::{Graded, State};

/// The report as text.
pub fn write(report: &Report) -> String {
    let mut text = String::new();
    for graded in report.graded {
        let _ = writeln!(text, "== {}: {}", graded.exercise.name, graded.exercise.title);
        let _ = writeln!(text, "{}", of_exercise(graded));
    }
    let (name, possible) = (&report.name, report.possible());
    let _ = match report.points() {
        Some(points) => writeln!(text, "{name}: {points} of {possible} points."),
        None => writeln!(text, "{name}: no points, since not everything could be judged."),
    };
    plain(&text)
}

/// What is said of one exercise.
pub fn of_exercise(graded: &Graded) -> String {
    let sources = Sources::of(graded);
    let name = &graded.exercise.name;
    let none = format!("\n{name}: not yet, 0 of {} points.\n", graded.exercise.points());
    let first = || rows(graded).first().map(|row| row.text.clone()).unwrap_or_default();
    let text = match &graded.state {
        State::Judged(verdict) if verdict.obstacle.is_some() => {
            show::verdict(verdict, &sources.each(), PLAIN).trim_end().to_owned() + "\n" + &none
        }
        State::Judged(verdict) => show::verdict(verdict, &sources.each(), PLAIN),
        State::Missing => first() + "\n" + &none,
        // No points are given or taken.
        State::Failed(_) => first() + "\n",
    };
    plain(&text)
}
