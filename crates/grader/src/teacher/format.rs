//! What a report of a submission can be written in.

mod classroom50;
mod github;
mod gradescope;
mod json;
mod junit;
mod text;

use std::path::Path;

use anyhow::{Result, bail};

use super::submission::{Graded, Source, State};
use crate::escape::plain;
use crate::judge::Verdict;
use crate::show::{self, Style};

/// What a report is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: everything that is known.
    Json,
    /// For Jenkins, GitLab and whatever else reads JUnit's XML.
    Junit,
    /// `results.json` of a Gradescope autograder.
    Gradescope,
    /// `result.json` of a Classroom 50 autograder.
    Classroom50,
    /// One line of base64, which a step of GitHub Actions can hand on.
    Github,
}

/// Everything that a report is about.
pub struct Report<'a> {
    /// The name of the submission's directory.
    pub name: String,
    /// That directory.
    pub directory: &'a Path,
    /// Which files of it, and which exercises, this is about.
    pub fingerprint: String,
    /// Each exercise.
    pub graded: &'a [Graded],
}

impl Format {
    /// The names of all formats.
    pub const NAMES: [&str; 6] = ["text", "json", "junit", "gradescope", "classroom50", "github"];

    /// The format of this name.
    pub fn named(name: &str) -> Result<Format> {
        Ok(match name {
            "text" => Format::Text,
            "json" => Format::Json,
            "junit" => Format::Junit,
            "gradescope" => Format::Gradescope,
            "classroom50" => Format::Classroom50,
            "github" => Format::Github,
            _ => bail!("there is no format \"{name}\""),
        })
    }

    /// Whether a report can be written in this format here, before it takes time to make it.
    pub fn can_be_written(self) -> Result<()> {
        match self {
            Format::Classroom50 => classroom50::Push::of_environment().map(drop),
            _ => Ok(()),
        }
    }

    /// The report in this format.
    pub fn write(self, report: &Report) -> Result<String> {
        match self {
            Format::Text => Ok(text::write(report)),
            Format::Json => json::write(report),
            Format::Junit => junit::write(report),
            Format::Gradescope => gradescope::write(report),
            Format::Classroom50 => classroom50::write(report),
            Format::Github => github::write(report),
        }
    }
}

impl Report<'_> {
    /// The points of all exercises together; none where the grader failed at one of them.
    pub fn points(&self) -> Option<u32> {
        self.graded.iter().map(Graded::points).sum()
    }

    /// The points that there are.
    pub fn possible(&self) -> u32 {
        self.graded.iter().map(|graded| graded.exercise.points()).sum()
    }

    /// Seconds that it took.
    pub fn seconds(&self) -> f64 {
        let verdicts = self.graded.iter().filter_map(|graded| match &graded.state {
            State::Judged(verdict) => Some(verdict.compiling + verdict.running),
            _ => None,
        });
        // Not `sum`, which is -0 of nothing.
        verdicts.fold(0.0, |all, it| all + it)
    }
}

/// The name of the row that says whether an exercise could be judged at all.
const COMPILES: &str = "compiles";

/// One line of a report: a check, or whether there is anything to check.
struct Row<'a> {
    /// The name of the check, or [`COMPILES`].
    check: &'a str,
    /// What is true if it passed.
    says: &'a str,
    outcome: Outcome,
    /// The word for the first thing that was found.
    word: &'a str,
    points: u32,
    possible: u32,
    /// What was found, plain.
    text: String,
    seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// The submission never got that far.
    NotRun,
    /// The grader failed.
    Error,
}

/// The rows of one exercise: always the same ones, whatever became of the submission, because
/// readers compare them by name.
fn rows(graded: &Graded) -> Vec<Row<'_>> {
    let exercise = &graded.exercise;
    let (outcome, word, text) = match &graded.state {
        State::Judged(Verdict { obstacle: Some(obstacle), .. }) => {
            let (what, why) = (show::in_short(obstacle), plain(obstacle.message.trim_end()));
            let text = format!("It {what}.\n{why}");
            (Outcome::Failed, obstacle.word.as_str(), text)
        }
        State::Judged(_) => (Outcome::Passed, "", String::new()),
        State::Missing => {
            let file = exercise.file_name();
            let mut text = format!("There is no file {file}, nor exercises/{file}.");
            if let Source::Missing(there) = &graded.source
                && !there.is_empty()
            {
                text += &format!(" There is {}.", plain(&there.join(", ")).replace('\n', " "));
            }
            text += &format!(" Hand in {file}, by exactly this name.");
            let text = PLAIN.wrapped(&text);
            (Outcome::Failed, "missing", text)
        }
        State::Failed(why) => {
            let why = plain(why);
            (Outcome::Error, "grader", format!("The grader failed, not the submission: {why}"))
        }
    };
    let mut rows = vec![Row {
        check: COMPILES,
        says: "there is a file, it compiles, and it can be judged",
        outcome,
        word,
        points: 0,
        possible: 0,
        text,
        seconds: match &graded.state {
            State::Judged(verdict) => verdict.compiling,
            _ => 0.0,
        },
    }];
    match &graded.state {
        State::Judged(verdict) if verdict.obstacle.is_none() => {
            let sources = Sources::of(graded);
            let sources = sources.each();
            rows.extend(verdict.checks.iter().map(|judged| {
                let mut text = String::new();
                if !judged.passed {
                    show::details(&mut text, &verdict.exercise, judged, &sources, PLAIN);
                }
                Row {
                    check: &judged.check,
                    says: &judged.says,
                    outcome: if judged.passed { Outcome::Passed } else { Outcome::Failed },
                    word: judged.findings.first().map_or("", |finding| finding.word.as_str()),
                    points: if judged.passed { judged.points } else { 0 },
                    possible: judged.points,
                    text: plain(text.trim()),
                    seconds: judged.seconds,
                }
            }));
        }
        _ => {
            let tidy = exercise.tidy.as_ref();
            let tidy = tidy.map(|it| (crate::catalogue::TIDY, "nothing is left behind", it.points));
            let checks = exercise.checks.iter().map(|it| (&*it.name, &*it.says, it.points));
            rows.extend(checks.chain(tidy).map(|(check, says, possible)| Row {
                check,
                says,
                outcome: Outcome::NotRun,
                word: "",
                points: 0,
                possible,
                text: "It was not run.".to_owned(),
                seconds: 0.0,
            }));
        }
    }
    rows
}

/// No colour, and as wide as a page.
const PLAIN: Style = Style { colour: false, width: 100 };

/// The texts that places in a verdict point into.
struct Sources {
    file: String,
    text: String,
    checks: String,
}

impl Sources {
    fn of(graded: &Graded) -> Sources {
        let text = match &graded.source {
            Source::Text(text) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        };
        let checks = graded.exercise.file(harness::CHECKS).unwrap_or_default();
        Sources { file: graded.exercise.file_name(), text, checks }
    }

    fn each(&self) -> [(&str, &str); 2] {
        [(&self.file, &self.text), (harness::CHECKS, &self.checks)]
    }
}

#[cfg(test)]
pub mod tests;
