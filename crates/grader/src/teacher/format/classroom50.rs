//! `result.json` of a Classroom 50 autograder, as its wiki ("Advanced Autograding") and its
//! `schemas/result-v1.schema.json` describe it (<https://github.com/foundation50/classroom50>).

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{COMPILES, Outcome, Report, rows};
use crate::escape::plain_value;
use crate::usage::usage;

/// What the runner says about the push that is graded.
pub struct Push {
    classroom: String,
    assignment: String,
    assignment_type: String,
    owner: String,
    submission: String,
    commit: String,
    release: String,
    review: String,
}

impl Push {
    /// What the runner's environment says.
    pub fn of_environment() -> Result<Push> {
        Push::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Push> {
        let get = |name: &str| {
            variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                usage(format!(
                    "--format classroom50 needs {name}, which Classroom 50's runner sets"
                ))
            })
        };
        let push = Push {
            classroom: get("CLASSROOM")?,
            assignment: get("ASSIGNMENT")?,
            assignment_type: get("ASSIGNMENT_TYPE")?,
            owner: get("OWNER")?,
            submission: get("SUBMISSION_TAG")?,
            commit: get("COMMIT_URL")?,
            release: get("RELEASE_URL")?,
            review: get("REVIEW_URL")?,
        };
        if !["individual", "group"].contains(&&*push.assignment_type) {
            let is = &push.assignment_type;
            return Err(usage(format!("ASSIGNMENT_TYPE is individual or group, not {is:?}")));
        }
        if !push.submission.starts_with("submit/") {
            let is = &push.submission;
            return Err(usage(format!(
                "SUBMISSION_TAG begins with submit/, which {is:?} does not"
            )));
        }
        Ok(push)
    }
}

/// The report as `result.json`. There is none where the grader failed: whatever number stood in it
/// would be taken for the learner's.
pub fn write(report: &Report) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let committed = commit_time(report.directory).unwrap_or_else(|| {
        eprintln!("The commit's time is unknown: git does not tell. It is now, for the report.");
        now
    });
    write_at(report, &Push::of_environment()?, committed, now)
}

fn write_at(report: &Report, push: &Push, committed: u64, now: u64) -> Result<String> {
    let score = report.points().context("there is no result, since not everything was judged")?;
    let mut tests: Vec<Value> = Vec::new();
    for graded in report.graded {
        let rows = rows(graded);
        let obstacle = rows.iter().find(|row| row.check == COMPILES).map_or("", |row| &row.text);
        // What only informs has no points, and a test has some.
        tests.extend(rows.iter().filter(|row| row.possible > 0).map(|row| {
            let not_run = row.outcome == Outcome::NotRun;
            json!({
                "test-name": format!("{}/{}: {}", graded.exercise.name, row.check, row.says),
                "passed": row.outcome == Outcome::Passed,
                "score": row.points,
                "max-score": row.possible,
                "message": if not_run { obstacle } else { &row.text },
            })
        }));
    }
    let value = json!({
        "schema": "classroom50/result/v1",
        "classroom": push.classroom,
        "assignment": push.assignment,
        "assignment_type": push.assignment_type,
        "owner": push.owner,
        "submission": push.submission,
        "commit": push.commit,
        "release": push.release,
        "review": push.review,
        "datetime": date(committed),
        "graded_at": date(now),
        "score": score,
        "max-score": report.possible(),
        "tests": tests,
    });
    Ok(serde_json::to_string_pretty(&plain_value(value))? + "\n")
}

/// When the commit was made that is checked out there, in seconds since 1970.
fn commit_time(directory: &Path) -> Option<u64> {
    let mut git = Command::new("git");
    // The repository is the learner's: nothing that its configuration names is run or fetched.
    git.args(["--no-pager", "-c", "safe.directory=*", "-c", "log.showSignature=false"]);
    git.args(["log", "-1", "--no-patch", "--format=%ct"]).current_dir(directory);
    git.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "none");
    let output = git.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Seconds since 1970 as YYYY-MM-DDTHH:MM:SSZ.
fn date(seconds: u64) -> String {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{class, report_of};
    use super::*;

    fn variable(name: &str) -> Option<String> {
        let value = match name {
            "ASSIGNMENT_TYPE" => "individual",
            "SUBMISSION_TAG" => "submit/2026-09-01",
            "COMMIT_URL" | "RELEASE_URL" | "REVIEW_URL" => "https://example.org/x",
            _ => "name",
        };
        Some(value.to_owned())
    }

    type IsRight = fn(&Value) -> bool;

    /// The fields of the schema, each with its type; all others are forbidden on top.
    const FIELDS: [(&str, IsRight); 14] = [
        ("schema", |it| it == "classroom50/result/v1"),
        ("classroom", Value::is_string),
        ("assignment", Value::is_string),
        ("assignment_type", |it| it == "individual" || it == "group"),
        ("owner", Value::is_string),
        ("submission", |it| it.as_str().is_some_and(|it| it.starts_with("submit/"))),
        ("commit", Value::is_string),
        ("release", Value::is_string),
        ("review", Value::is_string),
        ("datetime", |it| it == "2026-08-28T00:00:59Z"),
        ("graded_at", |it| it == "1972-02-29T23:59:00Z"),
        ("score", Value::is_u64),
        ("max-score", Value::is_u64),
        ("tests", Value::is_array),
    ];

    #[test]
    fn the_fields_are_those_of_the_schema() {
        // All but the last, at which the grader failed.
        let class = class();
        let push = Push::of(variable).unwrap();
        let (committed, graded) = (1_787_875_259, 68_255_940);
        let text = write_at(&report_of(&class[..4]), &push, committed, graded).unwrap();
        let result: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result.as_object().unwrap().len(), FIELDS.len());
        for (name, is_right) in FIELDS {
            assert!(is_right(&result[name]), "{name}: {}", result[name]);
        }
        let number = |value: &Value, name: &str| value[name].as_u64().unwrap();
        let tests = result["tests"].as_array().unwrap();
        let sum = |name: &str| tests.iter().map(|test| number(test, name)).sum::<u64>();
        assert_eq!(sum("score"), number(&result, "score"));
        assert_eq!(sum("max-score"), number(&result, "max-score"));
        assert!(number(&result, "score") > 0);
        for test in tests {
            assert!(test["test-name"].is_string() && test["passed"].is_boolean(), "{test}");
            assert!(number(test, "score") <= number(test, "max-score"), "{test}");
            assert_eq!(test["passed"] == true, test["score"] == test["max-score"], "{test}");
        }
        let text = tests.iter().filter_map(|test| test["message"].as_str());
        assert!(text.clone().any(|it| it.starts_with("It does not compile.")));
    }

    #[test]
    fn an_error_of_the_grader_is_no_result() {
        let class = class();
        assert!(write_at(&report_of(&class), &Push::of(variable).unwrap(), 0, 0).is_err());
    }

    #[test]
    fn what_the_runner_does_not_say_is_not_made_up() {
        let without = |absent: &'static str| {
            Push::of(move |name| variable(name).filter(|_| name != absent)).err().unwrap()
        };
        assert!(without("OWNER").to_string().contains("needs OWNER"));
        let other = Push::of(|name| match name {
            "SUBMISSION_TAG" => Some("v1".to_owned()),
            _ => variable(name),
        });
        assert!(other.err().unwrap().to_string().contains("begins with submit/"));
    }
}
