//! The result of a step, as GitHub Classroom's autograding reporter takes it from
//! `NAME_RESULTS`: JSON in base64
//! (<https://github.com/classroom-resources/autograding-grading-reporter>, `src/main.js`).

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;

use super::{Outcome, Report, rows};

/// The report as base64, in one line.
pub fn write(report: &Report) -> Result<String> {
    let mut tests = Vec::new();
    let (mut failed, mut error) = (false, false);
    for graded in report.graded {
        for row in rows(graded) {
            failed |= matches!(row.outcome, Outcome::Failed | Outcome::NotRun);
            error |= row.outcome == Outcome::Error;
            tests.push(json!({
                "name": format!("{}/{}: {}", graded.exercise.name, row.check, row.says),
                "status": match row.outcome {
                    Outcome::Passed => "pass",
                    Outcome::Failed | Outcome::NotRun => "fail",
                    Outcome::Error => "error",
                },
                // Plain text: the reporter prints it into the log of a runner, which obeys commands.
                "message": row.text,
                "test_code": format!("cargo grade {}", graded.exercise.name),
                "filename": graded.exercise.file_name(),
                "line_no": 0,
                "duration": (row.seconds * 1000.0).round() as u64,
                "score": row.points,
            }));
        }
    }
    let status = match (error, failed) {
        (true, _) => "error",
        (false, true) => "fail",
        (false, false) => "pass",
    };
    let value = json!({
        "version": 1,
        "status": status,
        "max_score": report.possible(),
        "tests": tests,
    });
    Ok(BASE64_STANDARD.encode(serde_json::to_vec(&value)?) + "\n")
}
