//! One submission: the files that count are taken from it, judged and reported.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use super::format::{Format, Report};
use crate::catalogue::{self, Exercise};
use crate::escape::plain;
use crate::judge::{Finding, Manner, Verdict, judge};
use crate::machine;
use crate::usage::{NotJudged, Usage, usage};

/// What was handed in for one exercise.
pub enum Source {
    /// The text of the file.
    Text(Vec<u8>),
    /// There is something in place of the file that cannot be read, for this reason.
    Unreadable(String),
    /// The directory that it should be in cannot be read, for this reason.
    Unreachable(String),
    /// The grader may not, or cannot, look at it, for this reason: nothing is known of it.
    Denied(String),
    /// There is no such file; these are there.
    Missing(Vec<String>),
}

impl Source {
    /// Whether there is something in place of this very file.
    pub fn is_there(&self) -> bool {
        matches!(self, Source::Text(_) | Source::Unreadable(_) | Source::Denied(_))
    }
}

/// What is known of one exercise of a submission.
pub struct Graded {
    /// The exercise.
    pub exercise: Exercise,
    /// What was handed in.
    pub source: Source,
    /// What became of it.
    pub state: State,
}

/// What became of what was handed in.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are judged")]
pub enum State {
    /// It was judged.
    Judged(Verdict),
    /// There was nothing to judge.
    Missing,
    /// The grader failed, for this reason; it says nothing about the submission.
    Failed(String),
}

impl Graded {
    /// The points that it gets; none, not even 0, where the grader failed.
    pub fn points(&self) -> Option<u32> {
        match &self.state {
            State::Judged(verdict) => Some(verdict.points()),
            State::Missing => Some(0),
            State::Failed(_) => None,
        }
    }

    /// Whether everything is right.
    pub fn passed(&self) -> bool {
        matches!(&self.state, State::Judged(verdict) if verdict.passed())
    }
}

/// Judges the submission in `directory` and writes the report; whether everything passed.
///
/// # Errors
///
/// [`NotJudged`] for all that is neither the submission's fault nor a wrong command line.
pub fn command(
    directory: &Path,
    names: &[String],
    format: Format,
    out: Option<&Path>,
) -> Result<bool> {
    judge_and_write(directory, names, format, out).map_err(|error| {
        match error.is::<Usage>() || error.is::<NotJudged>() {
            true => error,
            false => NotJudged(format!("{error:#}")).into(),
        }
    })
}

fn judge_and_write(
    directory: &Path,
    names: &[String],
    format: Format,
    out: Option<&Path>,
) -> Result<bool> {
    format.can_be_written()?;
    let root = open_submission(directory)?;
    let mut taken = take_all(&root, exercises(names)?);
    if names.is_empty() {
        taken.retain(|(_, source)| source.is_there());
    }
    if taken.is_empty() {
        let there = match files(&root) {
            there if there.is_empty() => "it is empty".to_owned(),
            there => format!("there is {}", plain(&there.join(", "))),
        };
        return Err(usage(format!(
            "in {} is no file of an exercise, neither NAME.rs nor exercises/NAME.rs; {there}",
            directory.display()
        )));
    }
    if let Some(file) = out {
        can_be_written(file)?;
    }
    let fingerprint = fingerprint(&taken)?;
    let graded: Vec<Graded> = taken.into_iter().map(|(it, source)| grade(it, source)).collect();
    let name = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = graded.iter().find_map(|it| match &it.state {
        State::Failed(why) => Some(format!("{}: {why}", it.exercise.name)),
        _ => None,
    });
    if failed.is_some() && format == Format::Classroom50 {
        // Its results have no word for this: none is the only one that does not count as 0 points.
        if let Some(file) = out {
            std::fs::remove_file(file).with_context(|| file.display().to_string())?;
        }
    } else {
        let report = Report { name, directory, fingerprint, graded: &graded };
        let report = format.write(&report)?;
        match out {
            None => print!("{report}"),
            Some(file) => {
                std::fs::write(file, report).with_context(|| file.display().to_string())?;
            }
        }
    }
    if let Some(failed) = failed {
        return Err(NotJudged(format!("not everything could be judged: {failed}")).into());
    }
    Ok(graded.iter().all(Graded::passed))
}

/// Finds out whether a report can be written there, before it takes time to make it.
pub fn can_be_written(file: &Path) -> Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    options.open(file).with_context(|| file.display().to_string())?;
    Ok(())
}

/// The exercises of these names, or all.
pub fn exercises(names: &[String]) -> Result<Vec<Exercise>> {
    let mut names = names.to_vec();
    if names.is_empty() {
        names = catalogue::names()?;
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names.iter().map(|name| catalogue::load(name)).collect()
}

/// Opens the directory of a submission.
pub fn open_submission(directory: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    open(directory, flags, Mode::empty()).map_err(|error| match error {
        Errno::ENOENT => usage(format!("there is no directory {}", directory.display())),
        Errno::ENOTDIR => usage(format!("{} is not a directory", directory.display())),
        error => anyhow::anyhow!("{}: {}", directory.display(), error.desc()),
    })
}

/// Takes the files of all these exercises out of a submission.
pub fn take_all(root: &OwnedFd, exercises: Vec<Exercise>) -> Vec<(Exercise, Source)> {
    let each = exercises.into_iter().map(|exercise| {
        let source = take(root, &exercise);
        (exercise, source)
    });
    each.collect()
}

/// Takes the one file of an exercise out of a submission, and nothing that a link leads to.
pub fn take(root: &OwnedFd, exercise: &Exercise) -> Source {
    let name = exercise.file_name();
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let source = match openat(root, "exercises", flags, Mode::empty()) {
        Ok(directory) => read(&directory, &name, &format!("exercises/{name}")),
        Err(Errno::ENOENT) => Source::Missing(Vec::new()),
        Err(Errno::ELOOP | Errno::ENOTDIR) => {
            Source::Unreachable("exercises is a symbolic link, or no directory.".to_owned())
        }
        Err(error) => Source::Denied(format!("exercises: {}", error.desc())),
    };
    let source = match source {
        Source::Text(_) => source,
        // A file beside a broken directory counts; without one, the directory is what is wrong.
        other => match read(root, &name, &name) {
            Source::Missing(_) => other,
            found => found,
        },
    };
    match source {
        Source::Missing(_) => Source::Missing(files(root)),
        source => source,
    }
}

/// The first files of a submission, two directories deep, to say what is there in place of another.
fn files(root: &OwnedFd) -> Vec<String> {
    let mut files = Vec::new();
    let top = PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd()));
    let mut directories = vec![(String::new(), 0)];
    // No link is followed, and a submission of a million files is not read to its end.
    while let Some((at, depth)) = directories.pop() {
        let Ok(entries) = std::fs::read_dir(top.join(&at)) else { continue };
        for entry in entries.flatten().take(200) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let name = if at.is_empty() { name } else { format!("{at}/{name}") };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < 2 => directories.push((name, depth + 1)),
                Ok(kind) if kind.is_dir() => {}
                _ => files.push(name),
            }
        }
    }
    // What could have been meant comes first.
    files.sort_by_key(|name| (!name.contains(".rs"), name.clone()));
    files.truncate(6);
    files
}

fn read(directory: &OwnedFd, name: &str, shown: &str) -> Source {
    // A pipe would wait for a writer, and a link could lead to somebody else's work.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT) => return Source::Missing(Vec::new()),
        Err(Errno::ELOOP) => {
            let why = format!("{shown} is a symbolic link; it must be a plain file.");
            return Source::Unreadable(why);
        }
        Err(error) => return Source::Denied(format!("{shown}: {}", error.desc())),
    };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Source::Unreadable(format!("{shown} is not a plain file."));
    }
    let mut text = Vec::new();
    match file.take(1 << 20).read_to_end(&mut text) {
        Ok(_) => Source::Text(text),
        Err(error) => Source::Denied(format!("{shown}: {error}")),
    }
}

/// A number that is the same as long as the files of a submission, and the exercises, are.
pub fn fingerprint(taken: &[(Exercise, Source)]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for (exercise, source) in taken {
        exercise.name.hash(&mut hasher);
        exercise.file("exercise.toml")?.hash(&mut hasher);
        exercise.file("checks.rs")?.hash(&mut hasher);
        exercise.file("shim.rs").ok().hash(&mut hasher);
        match source {
            Source::Text(text) => (0, text).hash(&mut hasher),
            Source::Unreadable(why) | Source::Unreachable(why) => (1, why).hash(&mut hasher),
            Source::Missing(there) => (2, there).hash(&mut hasher),
            Source::Denied(why) => (3, why).hash(&mut hasher),
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn grade(exercise: Exercise, source: Source) -> Graded {
    let state = match &source {
        Source::Missing(_) => State::Missing,
        Source::Denied(why) => State::Failed(machine::named(why)),
        Source::Unreadable(why) | Source::Unreachable(why) => {
            // It is a failure of the submission, so there is a verdict.
            let obstacle = Finding {
                word: "refused".into(),
                message: why.clone(),
                failure: None,
                replay: None,
            };
            State::Judged(Verdict {
                exercise: exercise.name.clone(),
                possible: exercise.points(),
                obstacle: Some(obstacle),
                ..Verdict::default()
            })
        }
        Source::Text(text) => match judge(&exercise, text, &Manner::default()) {
            Ok(verdict) => State::Judged(verdict),
            Err(error) => State::Failed(machine::named(&format!("{error:#}"))),
        },
    };
    Graded { exercise, source, state }
}
