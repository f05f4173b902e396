//! The exercises, as `crates/exercises/NAME/exercise.toml` describes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use sandbox::Allow;
use serde::{Deserialize, Serialize};

use crate::usage::usage;

/// One exercise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// The name of its directory.
    #[serde(skip)]
    pub name: String,
    /// Where everything about it is.
    #[serde(skip)]
    pub directory: PathBuf,
    /// What it is called in a heading.
    pub title: String,
    /// The concept crate whose chapter it belongs to.
    pub concept: String,
    /// What it is run under.
    pub kind: Kind,
    /// What is to be done, in a sentence.
    pub task: String,
    /// Whether the submission may contain `unsafe`.
    #[serde(rename = "unsafe")]
    pub unsafe_code: bool,
    /// What of the kernel a submission needs beside files and processes.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// How long all checks together may take, in seconds by the clock.
    #[serde(default = "ten")]
    pub seconds: f64,
    /// In the order in which they are run.
    #[serde(rename = "check")]
    pub checks: Vec<Check>,
    /// What it is worth to leave nothing behind; absent where nothing could be.
    pub tidy: Option<Tidy>,
    /// Why the starter fails.
    pub starter: Expected,
    /// Why each file of `wrong/` fails; none in a handout.
    #[serde(default)]
    pub wrong: BTreeMap<String, Expected>,
}

/// What an exercise is run under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Under thousands of schedules.
    Explored,
    /// Under a model of weakly ordered memory.
    Weak,
    /// As it is, in a process of its own.
    Process,
}

/// What an exercise may need of the kernel, beside what all of its kind have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Unix sockets.
    Sockets,
    /// memfd_create(2) and System V's shared memory.
    SharedMemory,
}

/// One check.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// As in `checks.rs`.
    pub name: String,
    /// What is true if it passes.
    pub says: String,
    /// What it is worth.
    pub points: u32,
    /// How many schedules are tried.
    #[serde(default = "thousand")]
    pub schedules: u64,
    /// Whether all schedules are tried first, as far as that number goes.
    #[serde(default)]
    pub exhaustive: bool,
    /// How long it may take, in seconds by the clock.
    #[serde(default = "five")]
    pub seconds: f64,
    /// How many descriptors a process may have, if that is not what is usual.
    pub descriptors: Option<u64>,
}

/// What it is worth to leave nothing behind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tidy {
    /// How many points.
    pub points: u32,
}

/// What a submission that is known to be wrong must be caught for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The check that catches it, or `tidy`.
    pub check: String,
    /// The word for what is found; `wrong or deadlock` where the order of schedules, which chance
    /// chooses, decides what is met first.
    pub finding: String,
    /// What is wrong with it, in a sentence.
    pub why: String,
}

fn ten() -> f64 {
    10.0
}

fn five() -> f64 {
    5.0
}

fn thousand() -> u64 {
    1000
}

/// The name of the check that looks at what was left behind.
pub const TIDY: &str = "tidy";

/// The directory of the workspace whose exercises are meant, found when the program runs: a checkout
/// may be moved or copied, and two may share what Cargo builds.
pub fn workspace() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        // Cargo says which package it runs; else it is the checkout that this program lies in, and
        // last the one around the current directory, which may be a learner's.
        let by_cargo = std::env::var_os("CARGO_MANIFEST_DIR");
        let by_cargo =
            by_cargo.filter(|_| std::env::var("CARGO_PKG_NAME").as_deref() == Ok("grader"));
        let here = std::env::current_dir().ok();
        let places = [by_cargo.map(PathBuf::from), std::env::current_exe().ok(), here.clone()];
        let mut around = places.iter().flatten().flat_map(|place| place.ancestors());
        let found = around.find(|place| is_checkout(place)).map(Path::to_owned);
        found.or(here).unwrap_or_default()
    })
}

fn is_checkout(place: &Path) -> bool {
    place.join("crates/exercises").is_dir() && place.join("crates/grader/Cargo.toml").is_file()
}

/// Where all exercises are.
pub fn directory() -> PathBuf {
    workspace().join("crates/exercises")
}

/// The exercises in the order of teaching: threads that share, threads that wait, then below the
/// locks, and processes. What is not here comes last.
const ORDER: &[&str] = &[
    "parallel-sum",
    "shared-counter",
    "bank-transfer",
    "semaphore",
    "bounded-queue",
    "barrier",
    "philosophers",
    "thread-pool",
    "spinlock",
    "spsc-ring",
    "reap",
    "pipeline",
    "time-limit",
    "supervisor",
    "process-counter",
    "framed-socket",
];

/// Where the learner's files and progress are: in the workspace, or where `GRADE_DIR` says.
pub fn learner() -> PathBuf {
    std::env::var_os("GRADE_DIR").map_or_else(|| workspace().to_owned(), PathBuf::from)
}

/// The directory of the files that the learner edits.
pub fn submissions() -> PathBuf {
    learner().join("exercises")
}

/// The names of all exercises, in the order of teaching.
pub fn names() -> Result<Vec<String>> {
    ensure!(
        Path::new("/proc/self/exe").exists(),
        "/proc is not mounted here, and without it nothing can be found or judged"
    );
    ensure!(
        is_checkout(workspace()),
        "there are no exercises around here: run `cargo grade` in a checkout of them"
    );
    let mut names = Vec::new();
    for entry in fs::read_dir(directory()).context("crates/exercises")? {
        let entry = entry?;
        if entry.path().join("exercise.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let place = |name: &str| ORDER.iter().position(|it| *it == name).unwrap_or(ORDER.len());
    names.sort_by(|one, other| (place(one), one).cmp(&(place(other), other)));
    Ok(names)
}

/// All exercises, in the order of teaching.
pub fn all() -> Result<Vec<Exercise>> {
    names()?.iter().map(|name| read(&directory().join(name))).collect()
}

/// Which of these names is likely to be meant.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |known: &&str| (strsim::jaro_winkler(known, name) * 1000.0) as u32;
    known.iter().copied().max_by_key(likeness).filter(|it| likeness(it) > 800)
}

/// Reads one exercise.
pub fn load(name: &str) -> Result<Exercise> {
    let known = names()?;
    if !known.iter().any(|known| known == name) {
        // A file may have been named, and where it is.
        let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let meant = nearest(stem, &known);
        let meant = meant.map(|it| format!("; did you mean {it}?")).unwrap_or_default();
        let sentence = format!("there is no exercise {name:?}{meant} (`cargo grade` lists them)");
        return Err(usage(sentence));
    }
    read(&directory().join(name))
}

/// Reads the exercise in this directory, whose name is its own.
pub fn read(directory: &Path) -> Result<Exercise> {
    let name = directory.file_name().context("a directory")?.to_string_lossy();
    let path = directory.join("exercise.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut exercise: Exercise = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let (line, why) = (before.split('\n').count(), error.message());
        anyhow::anyhow!("{name}/exercise.toml: line {line}: {}", why.replace('\n', ", "))
    })?;
    exercise.name = name.clone().into_owned();
    exercise.directory = directory.to_owned();
    exercise.examine().with_context(|| format!("{name}/exercise.toml"))?;
    Ok(exercise)
}

impl Exercise {
    /// The check of this name.
    pub fn check(&self, name: &str) -> Result<&Check> {
        if let Some(check) = self.checks.iter().find(|check| check.name == name) {
            return Ok(check);
        }
        let known: Vec<&str> = self.checks.iter().map(|check| check.name.as_str()).collect();
        let meant = nearest(name, &known).map(|it| format!("; did you mean {it}?"));
        let meant = meant.unwrap_or_default();
        Err(usage(format!("{} has no check {name:?}{meant}", self.name)))
    }

    fn examine(&self) -> Result<()> {
        ensure!(!self.checks.is_empty(), "there are no checks");
        ensure!(
            self.needs.is_empty() || self.kind == Kind::Process,
            "only exercises of the kind \"process\" need something of the kernel"
        );
        for (index, check) in self.checks.iter().enumerate() {
            let earlier = &self.checks[..index];
            ensure!(check.name != TIDY, "no check can be called \"{TIDY}\"");
            ensure!(
                earlier.iter().all(|other| other.name != check.name),
                "there are two checks \"{}\"",
                check.name
            );
        }
        let known = |name: &str| {
            self.checks.iter().any(|check| check.name == name)
                || (name == TIDY && self.tidy.is_some())
                || name == "compile"
        };
        for (name, expected) in &self.wrong {
            ensure!(known(&expected.check), "wrong.{name}: no check \"{}\"", expected.check);
        }
        ensure!(known(&self.starter.check), "starter: no check \"{}\"", self.starter.check);
        Ok(())
    }

    /// What a program of this exercise may ask of the kernel.
    pub fn allowed(&self) -> Vec<Allow> {
        match self.kind {
            Kind::Explored | Kind::Weak => Vec::new(),
            Kind::Process => {
                let needs = self.needs.iter().map(|need| match need {
                    Need::Sockets => Allow::Sockets,
                    Need::SharedMemory => Allow::SharedMemory,
                });
                [Allow::Files, Allow::Processes].into_iter().chain(needs).collect()
            }
        }
    }

    /// All points that there are.
    pub fn points(&self) -> u32 {
        let tidy = self.tidy.as_ref().map_or(0, |tidy| tidy.points);
        self.checks.iter().map(|check| check.points).sum::<u32>() + tidy
    }

    /// The name under which a submission is compiled, as `checks.rs` uses it.
    pub fn crate_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The name of the file that a submission is, in messages.
    pub fn file_name(&self) -> String {
        format!("{}.rs", self.name)
    }

    /// The file that the learner edits.
    pub fn submission(&self) -> PathBuf {
        submissions().join(self.file_name())
    }

    /// A file of the exercise.
    pub fn file(&self, name: &str) -> Result<String> {
        let path = self.directory.join(name);
        fs::read_to_string(&path).with_context(|| format!("{}/{name}", self.name))
    }

    /// The files of its right solutions: the one that is shown, another, and those of `right/`.
    pub fn right(&self) -> Vec<String> {
        let files = fs::read_dir(self.directory.join("right")).into_iter().flatten().flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".rs")).collect();
        names.sort();
        let more = names.into_iter().map(|name| format!("right/{name}"));
        ["solution.rs", "another.rs"].map(str::to_owned).into_iter().chain(more).collect()
    }

    /// Whether its solution is there, which in a handout it is not.
    pub fn has_solution(&self) -> bool {
        self.directory.join("solution.rs").exists()
    }

    /// The three hints, each saying more than the one before.
    pub fn hints(&self) -> Result<Vec<String>> {
        let text = self.file("hints.md")?;
        Ok(hints(&text))
    }
}

/// The parts between lines of three hyphens, whatever lines end with.
fn hints(text: &str) -> Vec<String> {
    let mut hints = vec![String::new()];
    for line in text.lines() {
        match hints.last_mut() {
            Some(hint) if line != "---" => {
                hint.push_str(line);
                hint.push('\n');
            }
            _ => hints.push(String::new()),
        }
    }
    hints.iter().map(|hint| hint.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_parted_whatever_lines_end_with() {
        let text = "one\nmore\n---\ntwo\n---\nthree\n";
        assert_eq!(hints(text), ["one\nmore", "two", "three"]);
        assert_eq!(hints(&text.replace('\n', "\r\n")), hints(text));
    }
}
