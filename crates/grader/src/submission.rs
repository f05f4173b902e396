//! The learner's files, and how far the learner is.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::catalogue::{self, Exercise, workspace};
use crate::show::Style;

/// How far the learner is.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    passed: BTreeMap<String, bool>,
    hints: BTreeMap<String, usize>,
}

fn progress_file() -> PathBuf {
    workspace().join(".grade/progress.json")
}

impl Progress {
    fn read() -> Progress {
        let text = fs::read(progress_file()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write(&self) -> Result<()> {
        let path = progress_file();
        fs::create_dir_all(path.parent().context("a directory")?)?;
        let new = path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        Ok(fs::rename(new, path)?)
    }
}

/// The file that the learner edits; made from the starter if it is not there.
pub fn begin(exercise: &Exercise) -> Result<PathBuf> {
    let path = exercise.submission();
    if !path.try_exists()? {
        fs::create_dir_all(path.parent().context("a directory")?)?;
        fs::write(&path, exercise.file("starter.rs")?)?;
        println!("{} (chapter: {})", exercise.task, exercise.concept);
        println!("Your file is {}.\n", shown(&path));
    }
    Ok(path)
}

fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// Reads a submission, which must be a plain file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let name = shown(path);
    // A pipe would wait for a writer, and a link could lead anywhere.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC);
    let file = options.open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => anyhow::anyhow!("{name} is a symbolic link; it must be a plain file"),
        _ => anyhow::anyhow!("{name}: {error}"),
    })?;
    ensure!(file.metadata()?.is_file(), "{name} is not a plain file");
    let mut source = Vec::new();
    file.take(1 << 20).read_to_end(&mut source).with_context(|| name)?;
    Ok(source)
}

/// Keeps whether the exercise is passed.
pub fn remember(exercise: &Exercise, passed: bool) -> Result<()> {
    let mut progress = Progress::read();
    progress.passed.insert(exercise.name.clone(), passed);
    progress.write()
}

/// Lists the exercises with their state.
pub fn list(style: Style) -> Result<bool> {
    let names = catalogue::names()?;
    let progress = Progress::read();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let mut done = 0;
    for name in &names {
        let exercise = catalogue::load(name)?;
        let state = match progress.passed.get(name) {
            Some(true) => "passed",
            Some(false) => "begun",
            None => "",
        };
        done += usize::from(state == "passed");
        println!("{name:width$}  {state:6}  {}", exercise.title);
    }
    let bar = 40.min(style.width / 2);
    let filled = done * bar / names.len().max(1);
    println!("\n[{}{}] {done} of {}", "#".repeat(filled), "-".repeat(bar - filled), names.len());
    println!("cargo grade NAME judges one; cargo grade hint NAME helps.");
    Ok(true)
}

/// Shows the next hint, or the one asked for.
pub fn hint(exercise: &Exercise, level: Option<usize>) -> Result<bool> {
    let hints = exercise.hints()?;
    let mut progress = Progress::read();
    let seen = progress.hints.get(&exercise.name).copied().unwrap_or(0);
    let level = level.unwrap_or(seen + 1).min(hints.len());
    ensure!(level >= 1, "hints are numbered from 1");
    println!("Hint {level} of {}:\n\n{}", hints.len(), hints[level - 1]);
    progress.hints.insert(exercise.name.clone(), level.max(seen));
    progress.write()?;
    Ok(true)
}

/// Puts the starter back, and keeps what was there.
pub fn reset(exercise: &Exercise) -> Result<bool> {
    let path = exercise.submission();
    if path.try_exists()? {
        let kept = (1..).map(|n| path.with_extension(format!("{n}.rs")));
        let Some(kept) = kept.take(1000).find(|kept| !kept.exists()) else {
            bail!("there are too many kept files beside {}", shown(&path));
        };
        fs::rename(&path, &kept)?;
        println!("What was there is kept as {}.", shown(&kept));
    }
    begin(exercise)?;
    Ok(true)
}

/// Shows the solution and the explanation to who has passed, or gives up.
pub fn solution(exercise: &Exercise, give_up: bool) -> Result<bool> {
    ensure!(exercise.has_solution(), "this is a handout: it has no solutions");
    let passed = Progress::read().passed.get(&exercise.name) == Some(&true);
    if !passed && !give_up {
        println!("Yours does not pass yet. Try a hint: cargo grade hint {}", exercise.name);
        println!(
            "To see the solution all the same: cargo grade solution {} --give-up",
            exercise.name
        );
        return Ok(false);
    }
    println!("{}", exercise.file("solution.rs")?);
    println!("{}", exercise.file("explanation.md")?.trim());
    println!("\nWhat fails, and why:");
    for expected in exercise.wrong.values() {
        println!("- {}", expected.why);
    }
    Ok(true)
}
