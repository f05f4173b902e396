//! The learner's files, and how far the learner is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::catalogue::{self, Exercise};
use crate::show::Style;

/// How far the learner is.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    passed: BTreeMap<String, bool>,
    points: BTreeMap<String, u32>,
    hints: BTreeMap<String, usize>,
    /// Those that have passed once since they were begun: their solutions stay open.
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
        let text = || if is_there(&path)? { read(&path).map(Some) } else { Ok(None) };
        let text = text().context("the progress")?;
        Ok(text.map_or_else(|| Ok(Progress::default()), |text| serde_json::from_slice(&text)))
    }

    /// Puts aside what is there and cannot be understood, so that it is not written over.
    fn put_aside() -> Result<()> {
        let kept = keep(&progress_file(), "json")?;
        eprintln!("It is kept as {}, and a new one begun.", shown(&kept));
        Ok(())
    }

    /// Changes what is kept; of two graders that do this at the same time, one waits.
    fn change(change: impl FnOnce(&mut Progress)) -> Result<()> {
        let path = progress_file();
        let named = || format!("the progress in {}", shown(&path));
        let locked = || -> Result<File> {
            fs::create_dir_all(path.parent().context("a directory")?)?;
            lock(&path.with_extension("lock"))
        };
        let _lock = locked().with_context(named)?;
        let mut progress = Progress::read()?;
        if Progress::understood()?.is_err() {
            Progress::put_aside()?;
        }
        change(&mut progress);
        let write = || -> Result<()> {
            // A grader that was killed may have left one behind.
            let new = path.with_extension("new");
            let _ = fs::remove_file(&new);
            let text = serde_json::to_vec_pretty(&progress)?;
            File::create_new(&new)?.write_all(&text)?;
            Ok(fs::rename(new, &path)?)
        };
        write().with_context(named)
    }

    /// The same where a verdict or a hint is what was asked for: only said if it fails.
    fn change_if_possible(change: impl FnOnce(&mut Progress)) {
        if let Err(error) = Progress::change(change) {
            eprintln!("This is not remembered: {error:#}.");
        }
    }
}

/// How long one grader waits for another that changes the progress, which takes no time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The lock that the graders of one learner hold while they change the progress.
fn lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let lock = options.open(path)?;
    let step = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(step),
            // Some file systems have no locks; there, of two changes at a time one may be lost.
            Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    bail!("another grader holds {} for a long time", shown(path))
}

fn has_no_locks(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::ENOTSUP | libc::ENOSYS | libc::EINVAL))
}

/// The file that the learner edits; made from the starter if it is not there, which is said.
pub fn begin(exercise: &Exercise) -> Result<PathBuf> {
    let path = exercise.submission();
    if begun(exercise)? {
        said_of_new(exercise, &path);
    }
    Ok(path)
}

/// Makes the file that the learner edits from the starter; false if it is there.
pub fn begun(exercise: &Exercise) -> Result<bool> {
    let path = exercise.submission();
    let new = !is_there(&path)?;
    if new {
        put(starter_beside(exercise, &path)?, &path)?;
    }
    Ok(new)
}

/// The starter, whole, in a file beside the one that it is to become: if there is no room for it,
/// no half of it is taken for the learner's.
fn starter_beside(exercise: &Exercise, path: &Path) -> Result<NamedTempFile> {
    let starter = exercise.file("starter.rs")?;
    let write = || -> Result<NamedTempFile> {
        let directory = path.parent().context("a directory")?;
        fs::create_dir_all(directory)?;
        let mut new = tempfile::Builder::new();
        // What the umask leaves of it, as for every new file.
        new.prefix(".new-").permissions(Permissions::from_mode(0o666));
        let mut new = new.tempfile_in(directory)?;
        new.write_all(starter.as_bytes())?;
        Ok(new)
    };
    write().with_context(|| shown(path))
}

/// Gives a new file its name, unless another has it by now: then that one stays.
fn put(new: NamedTempFile, path: &Path) -> Result<()> {
    match new.persist_noclobber(path) {
        Err(refused) if refused.error.kind() != ErrorKind::AlreadyExists => {
            Err(refused.error).with_context(|| shown(path))
        }
        _ => Ok(()),
    }
}

fn said_of_new(exercise: &Exercise, path: &Path) {
    let task = format!("{} (chapter: {})", exercise.task, exercise.concept);
    println!("{}", Style::of_terminal().wrapped(&task));
    println!("Your file is {}.\n", shown(path));
}

/// Whether anything has this name, be it a link that leads nowhere.
pub fn is_there(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| shown(path)),
    }
}

/// Gives a file another name, `NAME.1.rs` or the next that is free, and writes over none.
fn keep(path: &Path, extension: &str) -> Result<PathBuf> {
    for n in 1..1000 {
        let kept = path.with_extension(format!("{n}.{extension}"));
        let flags = RenameFlags::RENAME_NOREPLACE;
        match renameat2(AT_FDCWD, path, AT_FDCWD, &kept, flags) {
            Ok(()) => return Ok(kept),
            Err(Errno::EEXIST) => {}
            // Not every file system can look and rename in one step.
            Err(Errno::EINVAL | Errno::ENOSYS) if is_there(&kept)? => {}
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                fs::rename(path, &kept).with_context(|| shown(path))?;
                return Ok(kept);
            }
            Err(errno) => return Err(errno).with_context(|| shown(path)),
        }
    }
    bail!("there are too many kept files beside {}", shown(path))
}

/// A path as it is seen from the current directory, without what a terminal would obey.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    messages::one_line(&path.strip_prefix(here).unwrap_or(path).display().to_string())
}

/// Whether a page may be written there: to a place that can be written to, and over nothing but an
/// earlier page. A learner's own file is easily named in its place.
///
/// # Errors
///
/// If it may not, in one sentence.
pub fn is_for_a_page(path: &Path) -> Result<()> {
    let name = shown(path);
    if path.is_file() {
        let mut beginning = Vec::new();
        let file = File::open(path).with_context(|| name.clone())?;
        file.take(15).read_to_end(&mut beginning).with_context(|| name.clone())?;
        let page = beginning.is_empty() || beginning.eq_ignore_ascii_case(b"<!doctype html>");
        ensure!(page, "{name} is there, and is no page: it is left as it is");
    }
    let new = !path.exists();
    // A pipe would wait for a reader, and is not tried.
    if new || path.is_file() || path.is_dir() {
        File::options().append(true).create(true).open(path).with_context(|| name)?;
    }
    if new {
        fs::remove_file(path)?;
    }
    Ok(())
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

/// Keeps whether the exercise is passed, and the points. A verdict is one also if it cannot be kept.
pub fn remember(exercise: &Exercise, passed: bool, points: u32) {
    Progress::change_if_possible(|progress| {
        progress.passed.insert(exercise.name.clone(), passed);
        progress.points.insert(exercise.name.clone(), points);
        if passed {
            progress.solved.insert(exercise.name.clone());
        }
    });
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

/// How far the learner is with one exercise.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Whether it passed when it was judged last; nothing if it never was.
    pub passed: Option<bool>,
    /// The points that it got then.
    pub points: u32,
    /// How many of its hints were shown.
    pub hints: usize,
    /// Whether it has passed once since it was begun, so that its solution is open.
    pub solved: bool,
}

impl Standing {
    /// In two words at most.
    pub fn state(&self) -> &'static str {
        match self.passed {
            Some(true) => "passed",
            Some(false) => "not yet",
            None => "",
        }
    }
}

/// How far the learner is with each of these.
pub fn standings(exercises: &[Exercise]) -> Result<Vec<Standing>> {
    let progress = Progress::read()?;
    let standing = |exercise: &Exercise| {
        let name = &exercise.name;
        let points = progress.points.get(name).copied().unwrap_or(0);
        Standing {
            passed: progress.passed.get(name).copied(),
            points: points.min(exercise.points()),
            hints: progress.hints.get(name).copied().unwrap_or(0),
            solved: progress.solved.contains(name),
        }
    };
    Ok(exercises.iter().map(standing).collect())
}

/// Says what can be done after a verdict.
pub fn what_next(exercise: &Exercise, passed: bool) {
    let name = &exercise.name;
    if passed {
        let why = format!("Why it is right, and why others fail: cargo grade solution {name}");
        println!("{}", Style::of_terminal().wrapped(&why));
        if let Ok(next) = next(Some(name)) {
            println!("Next: cargo grade {next}");
        }
    } else {
        println!("Stuck? cargo grade hint {name}");
    }
}

/// Lists the exercises in the order of teaching, with their state, points and a bar.
pub fn list(style: Style) -> Result<bool> {
    let exercises = catalogue::all()?;
    let standings = standings(&exercises)?;
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
    for (exercise, standing) in exercises.iter().zip(&standings) {
        let (name, all, got) = (&exercise.name, exercise.points(), standing.points);
        println!(
            "{name:name_width$}  {}  {got:>2} / {all:<2}  {}",
            style.state(standing),
            if titled {
                format!("{:concept_width$}  {}", exercise.concept, exercise.title)
            } else {
                exercise.concept.clone()
            }
        );
        passed += usize::from(standing.passed == Some(true));
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
    let progress = Progress::read()?;
    let seen = progress.hints.get(&exercise.name).copied().unwrap_or(0);
    let level = level.unwrap_or(seen + 1).min(hints.len());
    let hint = level.checked_sub(1).and_then(|index| hints.get(index)).context("no such hint")?;
    println!("Hint {level} of {}:\n\n{}", hints.len(), style.wrapped(hint));
    if level == hints.len() {
        let name = &exercise.name;
        let give_up = if progress.solved.contains(name) { "" } else { " --give-up" };
        println!("\nThis is the last one. The solution: cargo grade solution {name}{give_up}");
    }
    remember_hint(exercise, level);
    Ok(true)
}

/// Keeps that so many hints were shown.
pub fn remember_hint(exercise: &Exercise, level: usize) {
    Progress::change_if_possible(|progress| {
        let seen = progress.hints.entry(exercise.name.clone()).or_default();
        *seen = level.max(*seen);
    });
}

/// What putting the starter back has done.
pub enum PutBack {
    /// There was nothing.
    New,
    /// It was there already.
    AsItWas,
    /// What was there has this name now.
    Kept(PathBuf),
}

/// Puts the starter back, and says what became of what was there.
pub fn reset(exercise: &Exercise) -> Result<bool> {
    let path = exercise.submission();
    match put_back(exercise)? {
        PutBack::New => said_of_new(exercise, &path),
        PutBack::AsItWas => println!("{} is as it was in the beginning.", shown(&path)),
        PutBack::Kept(kept) => {
            said_of_new(exercise, &path);
            println!("What was there is kept as {}.", shown(&kept));
        }
    }
    Ok(true)
}

/// Puts the starter back, keeps what was there, and takes back that it has passed: who begins anew is
/// not shown the solution unasked.
pub fn put_back(exercise: &Exercise) -> Result<PutBack> {
    let path = exercise.submission();
    let anew = |progress: &mut Progress| {
        progress.passed.entry(exercise.name.clone()).and_modify(|passed| *passed = false);
        progress.points.remove(&exercise.name);
        progress.solved.remove(&exercise.name);
    };
    let done = if begun(exercise)? {
        PutBack::New
    } else if read(&path).ok() == Some(exercise.file("starter.rs")?.into_bytes()) {
        PutBack::AsItWas
    } else {
        // Where there is no room for the starter, all stays as it is.
        let new = starter_beside(exercise, &path)?;
        let kept = keep(&path, "rs")?;
        put(new, &path).with_context(|| format!("What was there is kept as {}.", shown(&kept)))?;
        PutBack::Kept(kept)
    };
    Progress::change_if_possible(anew);
    Ok(done)
}

/// A solution, and why others fail.
#[derive(Clone)]
pub struct Solution {
    /// Its source.
    source: String,
    /// Why it is right.
    explanation: String,
    /// What is wrong with each of the others, in a sentence.
    others: Vec<String>,
}

impl Solution {
    /// That of an exercise, which a handout does not have.
    pub fn of(exercise: &Exercise) -> Result<Solution> {
        ensure!(exercise.has_solution(), "this is a handout: it has no solutions");
        Ok(Solution {
            source: exercise.file("solution.rs")?,
            explanation: exercise.file("explanation.md")?.trim().to_owned(),
            others: exercise.wrong.values().map(|expected| expected.why.clone()).collect(),
        })
    }

    /// As it is shown.
    pub fn text(&self, style: Style) -> String {
        let others = self.others.iter().map(|why| style.wrapped(&format!("- {why}")));
        format!(
            "{}\n{}\n\nWhat fails, and why:\n\n{}",
            self.source,
            style.wrapped(&self.explanation),
            others.collect::<Vec<_>>().join("\n")
        )
    }
}

/// Shows the solution and the explanation to who has passed, or gives up.
pub fn solution(exercise: &Exercise, give_up: bool, style: Style) -> Result<bool> {
    let solution = Solution::of(exercise)?;
    if !give_up && !Progress::read()?.solved.contains(&exercise.name) {
        println!("Yours has not passed yet. Try a hint: cargo grade hint {}", exercise.name);
        println!(
            "To see the solution all the same: cargo grade solution {} --give-up",
            exercise.name
        );
        return Ok(false);
    }
    println!("{}", solution.text(style));
    Ok(true)
}
