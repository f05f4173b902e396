//! The classic table of process against thread, with figures in both columns.

use lab::{Evidence, Value, Verdict};
use serde_json::{Value as Json, json};

use crate::answer::{Answer, Found};

/// One row of the table: where its figures come from, and which claims it sums up.
pub struct Row {
    /// What the classic table calls it.
    pub name: &'static str,
    /// What was asked.
    pub question: &'static str,
    package: &'static str,
    process: &'static str,
    thread: &'static str,
    claims: &'static [&'static str],
}

const fn row(
    name: &'static str,
    question: &'static str,
    package: &'static str,
    process: &'static str,
    thread: &'static str,
    claims: &'static [&'static str],
) -> Row {
    Row { name, question, package, process, thread, claims }
}

/// The rows. `process` and `thread` name facts of the package.
pub const ROWS: &[Row] = &[
    row(
        "memory",
        "a write reaches the other",
        "address-space",
        "process: other sees the write",
        "thread: other sees the write",
        &["own-address-space", "threads-share-memory"],
    ),
    row(
        "creation",
        "make one, wait for its end",
        "creation-cost",
        "fork",
        "thread",
        &["thread-creation-faster"],
    ),
    row(
        "communication",
        "round trip, one CPU",
        "ipc-cost",
        "process round trip",
        "thread round trip",
        &["ipc-slower"],
    ),
    row(
        "overhead",
        "memory per idle one",
        "memory-footprint",
        "memory per process",
        "memory per thread",
        &["threads-lightweight"],
    ),
    row(
        "crash impact",
        "survivors of a null write",
        "crash-isolation",
        "process: survivors",
        "thread: survivors",
        &["process-crash-contained", "thread-crash-kills-process"],
    ),
    row(
        "use",
        "the same task, its result returned",
        "spawn-join",
        "process: result returned by",
        "thread: result returned by",
        &["python-process-listing", "python-thread-listing"],
    ),
];

/// A row with its figures, its ratio and the verdict of the claims that it sums up.
pub struct Filled {
    /// The row itself.
    pub row: &'static Row,
    process: Option<(Value, String)>,
    thread: Option<(Value, String)>,
    /// The worst verdict of its claims.
    pub verdict: Verdict,
}

/// Fills the rows that sum up one of the answers, from what was found.
pub fn fill(answers: &[Answer], found: &[Found]) -> Vec<Filled> {
    let fact = |package: &str, name: &str| {
        let facts = found
            .iter()
            .filter(|found| found.package == package)
            .filter_map(|found| found.evidence.as_ref().ok());
        let fact = facts.flat_map(Evidence::facts).find(|fact| fact.name == name)?;
        Some((fact.value.clone(), fact.unit.clone()))
    };
    let is_asked = |row: &&Row| answers.iter().any(|answer| row.claims.contains(&answer.entry.id));
    ROWS.iter()
        .filter(is_asked)
        .map(|row| Filled {
            row,
            process: fact(row.package, row.process),
            thread: fact(row.package, row.thread),
            verdict: answers
                .iter()
                .filter(|answer| row.claims.contains(&answer.entry.id))
                .map(|answer| answer.verdict)
                .max_by_key(|verdict| Verdict::ALL.iter().position(|other| other == verdict))
                .unwrap_or(Verdict::NotBuilt),
        })
        .collect()
}

impl Filled {
    /// How many times larger the process's figure is; `None` where there is nothing to divide.
    fn ratio(&self) -> Option<f64> {
        match (&self.process, &self.thread) {
            (Some((Value::Number(process), a)), Some((Value::Number(thread), b)))
                if a == b && !a.is_empty() && *thread > 0.0 =>
            {
                Some(process / thread)
            }
            _ => None,
        }
    }

    /// The row as two lines of the table: the figures, and what was asked.
    pub fn lines(&self) -> String {
        let [process, thread, ratio] = self.cells();
        format!(
            "{:<13}{process:>19}{thread:>17}{ratio:>8}  {}\n  {}",
            self.row.name, self.verdict, self.row.question
        )
    }

    /// The row's cells in words: process, thread, ratio.
    pub fn cells(&self) -> [String; 3] {
        let ratio = self.ratio().map_or("".to_owned(), |ratio| format!("{ratio:.1} x"));
        [cell(&self.process), cell(&self.thread), ratio]
    }

    /// The row as JSON.
    pub fn json(&self) -> Json {
        let figure = |figure: &Option<(Value, String)>| match figure {
            None => Json::Null,
            Some((Value::Number(value), unit)) => json!({ "value": value, "unit": unit }),
            Some((Value::Truth(value), _)) => json!({ "value": value, "unit": "" }),
            Some((Value::Text(value), _)) => json!({ "value": value, "unit": "" }),
        };
        json!({
            "name": self.row.name,
            "question": self.row.question,
            "process": figure(&self.process),
            "thread": figure(&self.thread),
            "ratio": self.ratio(),
            "verdict": self.verdict.words(),
            "claims": self.row.claims,
        })
    }
}

/// The line above the rows.
pub fn heading() -> String {
    format!("{:<13}{:>19}{:>17}{:>8}  verdict", "", "process", "thread", "ratio")
}

fn cell(figure: &Option<(Value, String)>) -> String {
    match figure {
        None => "-".to_owned(),
        Some((value, unit)) if unit.is_empty() => value.to_string(),
        Some((value, unit)) => format!("{value} {unit}"),
    }
}
