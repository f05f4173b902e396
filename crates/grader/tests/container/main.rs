//! Judges a right and a wrong submission in surroundings as containers, classrooms and old machines
//! have them. The right one keeps all its points, or none are given and the machine is named; the
//! wrong one never passes; nothing is left; and `doctor` says what is missing.
//!
//! A run tries some always and a share of the others; `GRADE_SHARE=1` takes all of them, and
//! `GRADE_SEED` what a run took that named it. With an argument, those whose name contains it.

mod surroundings;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use grader::share::Share;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::Value;
use surroundings::{ALL, Expected, Surroundings};

/// One in so many, of those that are not always tried.
const USUAL: usize = 12;

/// One that is explored and one of processes, each with a solution and a wrong variant.
const EXERCISES: [(&str, &str); 2] =
    [("semaphore", "wrong/adds-one.rs"), ("reap", "wrong/no-signal.rs")];

/// The hidden argument with which this program starts itself to make surroundings.
const WITHIN: &str = "--within";

/// The exit status of surroundings that cannot be made here.
const NOT_HERE: i32 = 125;

/// Longer than any of this takes, however loaded the machine is.
const LONGEST: Duration = Duration::from_secs(240);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_default();
    if first == WITHIN {
        let name = arguments.next().unwrap_or_default();
        let mut grader = Command::new(env!("CARGO_BIN_EXE_grader"));
        let Err(why) = surroundings::enter(&name, grader.args(arguments));
        eprintln!("{why:#}");
        std::process::exit(NOT_HERE);
    }
    let begun = Instant::now();
    let share = if first.starts_with('-') || first.is_empty() {
        Share::of_test(USUAL).unwrap()
    } else {
        Share::ALL
    };
    let named = |it: &&Surroundings| first.starts_with('-') || it.name.contains(&first);
    let (always, others): (Vec<_>, Vec<_>) = ALL.iter().filter(named).partition(|it| it.always);
    let chosen: Vec<_> = always.into_iter().chain(share.of("surroundings", others)).collect();
    // Whatever is left behind becomes a child of this process, however it was forked.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let here = tempfile::Builder::new().prefix("räume for tests-").tempdir().unwrap();
    hand_in(here.path());
    let mut failures = Vec::new();
    for surroundings in &chosen {
        let problems = judge(surroundings, here.path());
        failures.extend(problems.iter().map(|it| format!("{}: {it}", surroundings.name)));
    }
    if "a container".contains(&first) || first.starts_with('-') {
        failures.extend(what_is_refused_is_not_judged(here.path()));
    }
    println!(
        "{} of {} surroundings, {:.0} s",
        chosen.len(),
        ALL.len(),
        begun.elapsed().as_secs_f64()
    );
    let Share { one_in, seed } = share;
    if one_in > 1 {
        println!(
            "some always, of the others one in {one_in} by chance: \
             GRADE_SHARE={one_in} GRADE_SEED={seed:x} cargo test -p grader --test container"
        );
    }
    for failure in &failures {
        println!("FAILED {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Two submissions: `right and whole`, and `wrong`.
fn hand_in(here: &Path) {
    let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises");
    for (exercise, variant) in EXERCISES {
        for (name, file) in [(RIGHT, "solution.rs"), (WRONG, variant)] {
            let to = here.join(name).join("exercises");
            fs::create_dir_all(&to).unwrap();
            let from = exercises.join(exercise).join(file);
            fs::copy(from, to.join(format!("{exercise}.rs"))).unwrap();
        }
    }
}

const RIGHT: &str = "right and whole";
const WRONG: &str = "wrong";

/// What came of one call of the grader.
struct Outcome {
    /// The exit status; `None` if it was ended.
    code: Option<i32>,
    said: String,
    errors: String,
    /// What is there and should not be.
    left: Vec<String>,
}

fn judge(surroundings: &Surroundings, here: &Path) -> Vec<String> {
    let begun = Instant::now();
    let asked = EXERCISES.map(|(exercise, _)| ["--exercise", exercise]).concat();
    let submission = |name: &str| {
        let directory = here.join(name);
        let directory = directory.to_str().unwrap();
        run(
            surroundings,
            here,
            &[&["submission", directory, "--format", "json"], &asked[..]].concat(),
        )
    };
    let doctor = run(surroundings, here, &["doctor"]);
    if doctor.code == Some(NOT_HERE) {
        println!("skipped {}: {}", surroundings.name, doctor.errors.trim());
        return Vec::new();
    }
    let (right, wrong) = (submission(RIGHT), submission(WRONG));
    let mut problems = Vec::new();
    let mut demand = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    let told = format!("{}{}", doctor.said, doctor.errors);
    let words = match surroundings.expected {
        Expected::Points => surroundings.doctor,
        Expected::Fault(words) => words,
    };
    for word in words {
        demand(told.contains(word), format!("doctor does not say {word:?}: {told}"));
    }
    let complete = doctor.code == Some(0);
    demand(complete || doctor.code == Some(1), format!("doctor ends with {:?}", doctor.code));
    demand(!complete || words.is_empty(), "doctor misses nothing".to_owned());

    let [of_right, of_wrong] = [&right, &wrong].map(|it| states(&it.said));
    match surroundings.expected {
        Expected::Points => {
            demand(
                right.code == Some(0),
                format!("a right one: {:?} {}", right.code, right.errors),
            );
            demand(
                wrong.code == Some(1),
                format!("a wrong one: {:?} {}", wrong.code, wrong.errors),
            );
            demand(of_right.len() == EXERCISES.len(), format!("no report: {}", right.said));
        }
        Expected::Fault(words) => {
            for it in [&right, &wrong] {
                demand(it.code == Some(3), format!("ends with {:?}: {}", it.code, it.errors));
                let named = words.iter().all(|word| it.errors.contains(word));
                demand(named, format!("{words:?} is not said: {}", it.errors));
                let lines = it.errors.lines().filter(|line| line.starts_with("grade: ")).count();
                demand(lines == 1, format!("not one sentence: {}", it.errors));
            }
        }
    }
    for (exercise, state, points, possible, text) in &of_right {
        let fair = if state == "error" { points.is_none() } else { *points == Some(*possible) };
        demand(fair, format!("a right one of {exercise}: {state}, {points:?} points:\n{text}"));
    }
    for (exercise, state, points, possible, _) in &of_wrong {
        let fair = if state == "error" { points.is_none() } else { *points < Some(*possible) };
        demand(fair, format!("a wrong one of {exercise}: {state}, {points:?} points"));
    }
    for it in [&doctor, &right, &wrong] {
        demand(!it.errors.contains("panicked"), format!("a panic: {}", it.errors));
        demand(it.left.is_empty(), format!("left: {}", it.left.join("; ")));
    }
    let state = if problems.is_empty() { "ok" } else { "WRONG" };
    let said = right.errors.lines().find(|it| it.starts_with("grade: ")).unwrap_or_default();
    let seconds = begun.elapsed().as_secs_f64();
    println!("{state:5} {:40} {seconds:4.1} s  {said}", surroundings.name);
    problems
}

/// A right submission that uses what its exercise allows and a container refuses.
fn what_is_refused_is_not_judged(here: &Path) -> Option<String> {
    let exercise = "process-counter";
    let to = here.join("system V").join(format!("{exercise}.rs"));
    fs::create_dir_all(to.parent()?).unwrap();
    let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises");
    fs::copy(exercises.join(exercise).join("right/system-v.rs"), &to).unwrap();
    let surroundings = ALL.iter().find(|it| it.name == "a container")?;
    let directory = to.parent()?.to_str()?;
    let it = run(surroundings, here, &["submission", directory, "--format", "json"]);
    let named = it.errors.contains("System V shared memory (shmget)");
    let is = it.code == Some(3) && named && states(&it.said).iter().all(|it| it.2.is_none());
    (!is).then(|| format!("System V memory in a container: {:?} {}", it.code, it.errors))
}

/// The exercises of a report: name, state, points, how many there are, and what was said.
fn states(report: &str) -> Vec<(String, String, Option<u64>, u64, String)> {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let exercises = report["exercises"].as_array().into_iter().flatten();
    let word = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    exercises
        .map(|it| {
            let possible = it["possible"].as_u64().unwrap_or_default();
            (
                word(&it["exercise"]),
                word(&it["state"]),
                it["points"].as_u64(),
                possible,
                word(&it["text"]),
            )
        })
        .collect()
}

/// Calls the grader in these surroundings, and looks at what it leaves.
fn run(surroundings: &Surroundings, here: &Path, arguments: &[&str]) -> Outcome {
    let temporary = here.join("tmp ö");
    fs::create_dir(&temporary).unwrap();
    // As /tmp is: whom root becomes may write there.
    fs::set_permissions(&temporary, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    let [said, errors] = ["said", "errors"].map(|name| here.join(name));
    let mut command = Command::new("/proc/self/exe");
    command.arg(WITHIN).arg(surroundings.name).args(arguments).env("TMPDIR", &temporary);
    command.stdin(Stdio::null()).stdout(fs::File::create(&said).unwrap());
    command.stderr(fs::File::create(&errors).unwrap()).current_dir(here);
    let mut child = command.spawn().unwrap();
    let end = Instant::now() + LONGEST;
    let code = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if Instant::now() > end => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let mut left: Vec<String> = names(&temporary);
    left.extend(processes());
    let _ = fs::remove_dir_all(&temporary);
    if let Some(group) = surroundings::group(std::process::id() as i32) {
        let _ = fs::remove_dir(group);
    }
    let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    Outcome { code, said: read(&said), errors: read(&errors), left }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

/// Processes that are still there, as children of this one; they are ended here. One that cannot be
/// is named with the reason, and not waited for.
fn processes() -> Vec<String> {
    let (mut left, mut seen) = (Vec::new(), BTreeSet::new());
    let end = Instant::now() + LONGEST;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Err(_) => return left,
            Ok(WaitStatus::StillAlive) if Instant::now() > end => {
                left.push(format!(
                    "children of this process, {:?} after they were killed",
                    LONGEST
                ));
                return left;
            }
            Ok(WaitStatus::StillAlive) => {
                for pid in children() {
                    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                    let name = format!("process {pid} ({})", name.trim());
                    match kill(Pid::from_raw(pid), Signal::SIGKILL) {
                        Err(errno) if errno != Errno::ESRCH => {
                            left.push(format!("{name}, which cannot be ended: {errno}"));
                            return left;
                        }
                        _ if seen.insert(pid) => left.push(name),
                        _ => {}
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(_) => {}
        }
    }
}

fn children() -> Vec<i32> {
    let me = std::process::id();
    let path: PathBuf = format!("/proc/{me}/task/{me}/children").into();
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|it| it.parse().ok()).collect()
}
