//! The learner's files, and how far the learner is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::catalogue::{self, Exercise};
use crate::show::Style;

/// How far the learner is.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    passed: BTreeMap<String, bool>,
    points: BTreeMap<String, u32>,
    hints: BTreeMap<String, usize>,
    /// Those that have passed once: their solutions stay open.
    solved: BTreeSet<String>,
}

fn progress_file() -> PathBuf {
    catalogue::learner().join(".grade/progress.json")
}

impl Progress {
    /// What is kept; nothing if it cannot be understood, which is said.
    fn read() -> Result<Progress> {
        Ok(Progress::understood()?.unwrap_or_else(|why| {
            let path = progress_file();
            eprintln!("Your progress in {} cannot be understood: {why}.", shown(&path));
            Progress::default()
        }))
    }

    /// What is kept, or why it makes no sense.
    fn understood() -> Result<Result<Progress, serde_json::Error>> {
        let path = progress_file();
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ok(Progress::default())),
            Err(error) => Err(error).with_context(|| format!("the progress in {}", shown(&path))),
        }
    }

    /// Puts aside what is there and cannot be understood, so that it is not written over.
    fn put_aside() -> Result<()> {
        let path = progress_file();
        let mut names = (1..1000).map(|n| path.with_extension(format!("{n}.json")));
        let free = names.find(|name| !name.exists()).context("there are too many kept files")?;
        fs::rename(&path, &free)?;
        eprintln!("It is kept as {}, and a new one begun.", shown(&free));
        Ok(())
    }

    /// Changes what is kept; of two graders that do this at the same time, one waits.
    fn change(change: impl FnOnce(&mut Progress)) -> Result<()> {
        let path = progress_file();
        let write = || -> Result<()> {
            fs::create_dir_all(path.parent().context("a directory")?)?;
            let lock = fs::File::create(path.with_extension("lock"))?;
            lock.lock()?;
            let mut progress = Progress::read()?;
            if Progress::understood()?.is_err() {
                Progress::put_aside()?;
            }
            change(&mut progress);
            let new = path.with_extension("new");
            fs::write(&new, serde_json::to_vec_pretty(&progress)?)?;
            Ok(fs::rename(new, &path)?)
        };
        write().with_context(|| format!("the progress in {}", shown(&path)))
    }
}

/// The file that the learner edits; made from the starter if it is not there.
pub fn begin(exercise: &Exercise) -> Result<PathBuf> {
    let path = exercise.submission();
    if !path.try_exists().with_context(|| shown(&path))? {
        let starter = exercise.file("starter.rs")?;
        let write = || -> Result<()> {
            fs::create_dir_all(path.parent().context("a directory")?)?;
            Ok(fs::write(&path, starter)?)
        };
        write().with_context(|| shown(&path))?;
        let task = format!("{} (chapter: {})", exercise.task, exercise.concept);
        println!("{}", Style::of_terminal().wrapped(&task));
        println!("Your file is {}.\n", shown(&path));
    }
    Ok(path)
}

/// A path as it is seen from the current directory.
pub fn shown(path: &Path) -> String {
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

/// Keeps whether the exercise is passed, and the points.
pub fn remember(exercise: &Exercise, passed: bool, points: u32) -> Result<()> {
    Progress::change(|progress| {
        progress.passed.insert(exercise.name.clone(), passed);
        progress.points.insert(exercise.name.clone(), points);
        if passed {
            progress.solved.insert(exercise.name.clone());
        }
    })
}

/// The exercise to do after `name`, or first: one that has not passed, if there is any. What has
/// been begun comes first.
pub fn next(name: Option<&str>) -> Result<String> {
    let mut names = catalogue::names()?;
    if let Some(at) = name.and_then(|name| names.iter().position(|it| it == name)) {
        names.rotate_left(at + 1);
    }
    let progress = Progress::read()?;
    let begun = names.iter().find(|it| name.is_none() && progress.passed.get(*it) == Some(&false));
    let open = || names.iter().find(|name| progress.passed.get(*name) != Some(&true));
    begun.or_else(open).or(names.first()).cloned().context("there are no exercises")
}

/// Says what can be done after a verdict.
pub fn what_next(exercise: &Exercise, passed: bool) -> Result<()> {
    let name = &exercise.name;
    if passed {
        let why = format!("Why it is right, and why others fail: cargo grade solution {name}");
        println!("{}", Style::of_terminal().wrapped(&why));
        println!("Next: cargo grade {}", next(Some(name))?);
    } else {
        println!("Stuck? cargo grade hint {name}");
    }
    Ok(())
}

/// Lists the exercises in the order of teaching, with their state, points and a bar.
pub fn list(style: Style) -> Result<bool> {
    let names = catalogue::names()?;
    let progress = Progress::read()?;
    let exercises: Vec<Exercise> =
        names.iter().map(|name| catalogue::load(name)).collect::<Result<_>>()?;
    let longest = |length: fn(&Exercise) -> usize| exercises.iter().map(length).max().unwrap_or(0);
    let (name_width, concept_width) =
        (longest(|it| it.name.len()).max(8), longest(|it| it.concept.len()));
    // A narrow terminal has no room for titles.
    let before = name_width + concept_width + 22;
    let fits = |text: &str| before + text.len() <= style.width;
    let titled = exercises.iter().all(|it| fits(&it.title));
    let title = if titled { "title" } else { "" };
    let heading = format!(
        "{:name_width$}  state    points   {:concept_width$}  {title}",
        "exercise", "chapter"
    );
    println!("{}", heading.trim_end());
    let (mut passed, mut points, mut possible) = (0, 0, 0);
    for exercise in &exercises {
        let (name, all) = (&exercise.name, exercise.points());
        let got = progress.points.get(name).copied().unwrap_or(0).min(all);
        let state = match progress.passed.get(name) {
            Some(true) => style.good("passed"),
            Some(false) => style.bad("not yet"),
            None => String::new(),
        };
        // Colours take no room on the screen.
        let gap = match progress.passed.get(name) {
            Some(true) => 1,
            Some(false) => 0,
            None => 7,
        };
        println!(
            "{name:name_width$}  {state}{:gap$}  {got:>2} / {all:<2}  {}",
            "",
            if titled {
                format!("{:concept_width$}  {}", exercise.concept, exercise.title)
            } else {
                exercise.concept.clone()
            }
        );
        passed += usize::from(progress.passed.get(name) == Some(&true));
        points += got;
        possible += all;
    }
    println!("\n{}", style.bar(passed, exercises.len()));
    println!("{passed} of {} passed, {points} of {possible} points", exercises.len());
    if passed < exercises.len() {
        let next = next(None)?;
        println!("\nNext:           cargo grade {next}");
        println!("On every save:  cargo grade --watch {next}");
        println!("Stuck?          cargo grade hint {next}");
    }
    Ok(true)
}

/// Shows the next hint, or the one asked for.
pub fn hint(exercise: &Exercise, level: Option<usize>, style: Style) -> Result<bool> {
    let hints = exercise.hints()?;
    let seen = Progress::read()?.hints.get(&exercise.name).copied().unwrap_or(0);
    let level = level.unwrap_or(seen + 1).min(hints.len());
    let hint = level.checked_sub(1).and_then(|index| hints.get(index)).context("no such hint")?;
    println!("Hint {level} of {}:\n\n{}", hints.len(), style.wrapped(hint));
    if level == hints.len() {
        let name = &exercise.name;
        println!("\nThis is the last one. The solution: cargo grade solution {name} --give-up");
    }
    Progress::change(|progress| {
        progress.hints.insert(exercise.name.clone(), level.max(seen));
    })?;
    Ok(true)
}

/// Puts the starter back, keeps what was there, and takes back that it has passed.
pub fn reset(exercise: &Exercise) -> Result<bool> {
    let path = exercise.submission();
    // The solution stays open to who has passed once.
    Progress::change(|progress| {
        progress.passed.entry(exercise.name.clone()).and_modify(|passed| *passed = false);
        progress.points.remove(&exercise.name);
    })?;
    let mut kept = None;
    if path.try_exists()? {
        if fs::read(&path).ok() == Some(exercise.file("starter.rs")?.into_bytes()) {
            println!("{} is as it was in the beginning.", shown(&path));
            return Ok(true);
        }
        let mut names = (1..1000).map(|n| path.with_extension(format!("{n}.rs")));
        let Some(free) = names.find(|name| !name.exists()) else {
            bail!("there are too many kept files beside {}", shown(&path));
        };
        fs::rename(&path, &free).with_context(|| shown(&path))?;
        kept = Some(free);
    }
    begin(exercise)?;
    if let Some(kept) = kept {
        println!("What was there is kept as {}.", shown(&kept));
    }
    Ok(true)
}

/// Shows the solution and the explanation to who has passed, or gives up.
pub fn solution(exercise: &Exercise, give_up: bool, style: Style) -> Result<bool> {
    ensure!(exercise.has_solution(), "this is a handout: it has no solutions");
    if !give_up && !Progress::read()?.solved.contains(&exercise.name) {
        println!("Yours has not passed yet. Try a hint: cargo grade hint {}", exercise.name);
        println!(
            "To see the solution all the same: cargo grade solution {} --give-up",
            exercise.name
        );
        return Ok(false);
    }
    println!("{}", exercise.file("solution.rs")?);
    println!("{}", style.wrapped(exercise.file("explanation.md")?.trim()));
    println!("\nWhat fails, and why:\n");
    for expected in exercise.wrong.values() {
        println!("{}", style.wrapped(&format!("- {}", expected.why)));
    }
    Ok(true)
}
