//! `results.json`, as Gradescope's autograder specification describes it
//! (<https://gradescope-autograders.readthedocs.io/en/latest/specs/>).

use anyhow::Result;
use serde_json::{Value, json};

use super::{Outcome, Report, rows};
use crate::escape::plain_value;

/// The report as `results.json`.
pub fn write(report: &Report) -> Result<String> {
    let mut tests = Vec::new();
    for (index, graded) in report.graded.iter().enumerate() {
        for (place, row) in rows(graded).iter().enumerate() {
            let status = if row.outcome == Outcome::Passed { "passed" } else { "failed" };
            let mut test = json!({
                "name": format!("{}/{}: {}", graded.exercise.name, row.check, row.says),
                "number": format!("{}.{place}", index + 1),
                "status": status,
                "output": row.text,
            });
            // A test without a score informs, and counts for nothing.
            if row.possible > 0 && report.points().is_some() {
                test["score"] = row.points.into();
                test["max_score"] = row.possible.into();
            }
            tests.push(test);
        }
    }
    let possible = report.possible();
    let output = match report.points() {
        Some(points) => format!("{points} of {possible} points."),
        None => "The grader failed, so there are no points. Please tell your teacher.".to_owned(),
    };
    let mut value: Value = json!({
        "execution_time": report.seconds().ceil() as u64,
        "output": output,
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    });
    // Gradescope refuses results without any score, which 0 points would not make it do.
    if let Some(points) = report.points() {
        value["score"] = points.into();
    }
    Ok(serde_json::to_string_pretty(&plain_value(value))? + "\n")
}
