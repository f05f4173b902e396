//! A report for programs.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Report, text};
use crate::escape::plain_value;
use crate::teacher::submission::{Graded, Source, State};

/// The version of the shape of the report.
const SCHEMA: u32 = 1;

/// The report as JSON. Text of the submission is in it without control characters.
pub fn write(report: &Report) -> Result<String> {
    let exercises: Result<Vec<Value>> = report.graded.iter().map(of_exercise).collect();
    let value = json!({
        "schema": SCHEMA,
        "submission": report.name,
        "fingerprint": report.fingerprint,
        "points": report.points(),
        "possible": report.possible(),
        "passed": report.graded.iter().all(Graded::passed),
        "seconds": report.seconds(),
        "exercises": exercises?,
    });
    Ok(serde_json::to_string_pretty(&plain_value(value))? + "\n")
}

fn of_exercise(graded: &Graded) -> Result<Value> {
    let (state, verdict) = match &graded.state {
        State::Judged(verdict) => ("judged", Some(serde_json::to_value(verdict)?)),
        State::Missing => ("missing", None),
        State::Failed(_) => ("error", None),
    };
    let there = match &graded.source {
        Source::Missing(there) => Some(there),
        _ => None,
    };
    Ok(json!({
        "exercise": graded.exercise.name,
        "title": graded.exercise.title,
        "state": state,
        "there": there,
        "points": graded.points(),
        "possible": graded.exercise.points(),
        "passed": graded.passed(),
        "text": text::of_exercise(graded),
        "verdict": verdict,
    }))
}
