//! The result of a step of GitHub Actions, in one line: JSON in base64, of the shape that
//! <https://github.com/classroom-resources/autograding-grading-reporter> reads (`src/main.js`).

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::{Outcome, Report, Row, rows};

/// The longest result, in characters. The reporter gets it as a variable of its environment, and
/// Linux starts no program with one of 128 KiB (`MAX_ARG_STRLEN`, execve(2)).
pub const LONGEST: usize = 120_000;

/// The report as base64, in one line.
pub fn write(report: &Report) -> Result<String> {
    let rows: Vec<(&str, String, Vec<Row>)> = report
        .graded
        .iter()
        .map(|it| (it.exercise.name.as_str(), it.exercise.file_name(), rows(it)))
        .collect();
    let failed =
        |outcome| rows.iter().any(|(.., rows)| rows.iter().any(|it| it.outcome == outcome));
    let status = match failed(Outcome::Error) {
        true => "error",
        false if failed(Outcome::Failed) || failed(Outcome::NotRun) => "fail",
        false => "pass",
    };
    let mut most = usize::MAX;
    loop {
        let mut tests = Vec::new();
        for (exercise, file, rows) in &rows {
            let scored = rows.iter().all(|row| row.outcome != Outcome::Error);
            tests.extend(rows.iter().map(|row| test(exercise, file, row, most, scored)));
        }
        let value = json!({
            "version": 1,
            "status": status,
            "max_score": report.possible(),
            "tests": tests,
        });
        let result = BASE64_STANDARD.encode(serde_json::to_vec(&value)?);
        if result.len() <= LONGEST || most == 0 {
            return Ok(result + "\n");
        }
        // What all of it costs is known only when it is encoded, so the messages give way by steps.
        most = if most > 8192 { 8192 } else { most / 2 };
    }
}

fn test(exercise: &str, file: &str, row: &Row, most: usize, scored: bool) -> Value {
    let mut test = json!({
        "name": format!("{exercise}/{}: {}", row.check, row.says),
        "status": match row.outcome {
            Outcome::Passed => "pass",
            Outcome::Failed | Outcome::NotRun => "fail",
            Outcome::Error => "error",
        },
        // Plain text: the reporter prints it into the log of a runner, which obeys commands.
        "message": shortened(&row.text, most),
        "test_code": format!("cargo grade {exercise}"),
        "filename": file,
        "line_no": 0,
        "duration": (row.seconds * 1000.0).round() as u64,
    });
    if scored {
        test["score"] = row.points.into();
    }
    test
}

/// The first lines of a text, at most so many bytes of them, and whether there were more.
fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if kept.len() + line.len() > most {
            break;
        }
        kept.push_str(line);
    }
    kept + "[...]"
}
