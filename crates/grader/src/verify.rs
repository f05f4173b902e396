//! Proves exercises: the starter fails as it says and earns little, solutions pass, and each wrong
//! variant is caught for its own reason.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::catalogue::{Exercise, Expected, Kind, TIDY};
use crate::escape;
use crate::judge::{Manner, Verdict, judge};
use crate::share::Share;
use crate::show::{self, Style};
use crate::toolchain::Toolchain;
use crate::workers;

/// What is wanted of a proof.
pub struct Wanted {
    /// Which of the wrong variants are judged.
    pub share: Share,
    /// Whether all checks judge each wrong variant, and not only the one that is to catch it.
    pub table: bool,
    pub style: Style,
}

/// What was found of one exercise.
struct Proof {
    exercise: String,
    starter: bool,
    /// What the starter earns, and what there is to be earned.
    points: (u32, u32),
    right: usize,
    solutions: usize,
    caught: usize,
    wrong: usize,
    /// Points that something is not as it should be.
    problems: usize,
    schedules: u64,
    /// Seconds by the clock that its files took, one added to the other.
    seconds: f64,
}

impl Proof {
    fn good(&self) -> bool {
        self.problems == 0
            && self.starter
            && self.right == self.solutions
            && self.caught == self.wrong
    }
}

/// A file that is judged.
struct Task<'a> {
    exercise: &'a Exercise,
    file: String,
    /// What must be found, if it is wrong.
    expected: Option<&'a Expected>,
}

/// What came of a task: its verdict, and how long it took.
type Done = (Verdict, Duration);

/// How many files are judged at a time for each processor: many of them wait.
const AT_A_TIME: usize = 2;

/// Verifies exercises, printing what catches each variant and a table for all; whether all is as it
/// should be.
pub fn verify(exercises: &[Exercise], wanted: &Wanted) -> Result<bool> {
    let start = Instant::now();
    for exercise in exercises {
        ensure!(exercise.has_solution(), "this is a handout: there is nothing to verify");
        Toolchain::get(exercise.kind)?;
    }
    let tasks_each: Vec<Vec<Task>> =
        exercises.iter().map(|exercise| tasks(exercise, wanted)).collect();
    let tasks: Vec<&Task> = tasks_each.iter().flatten().collect();
    let mut proofs = Vec::new();
    let next = AtomicUsize::new(0);
    let most = std::thread::available_parallelism().map_or(1, usize::from) * AT_A_TIME;
    std::thread::scope(|scope| {
        let (sender, done) = mpsc::channel();
        let one_more = || {
            let (index, task) = take(&next, &tasks)?;
            let start = Instant::now();
            Some((index, run(task, wanted).map(|verdict| (verdict, start.elapsed()))))
        };
        let started = workers::start(scope, most.min(tasks.len()), move || {
            // Nobody listens any more if an exercise could not be judged.
            while one_more().is_some_and(|done| sender.send(done).is_ok()) {}
        });
        let mut verdicts: Vec<Option<Done>> = tasks.iter().map(|_| None).collect();
        let mut before = 0;
        for (exercise, tasks) in exercises.iter().zip(&tasks_each) {
            let own = before..before + tasks.len();
            while verdicts[own.clone()].iter().any(Option::is_none) {
                let judged = if started > 0 { done.recv().ok() } else { one_more() };
                let (index, verdict) = judged.context("a file was not judged")?;
                verdicts[index] = Some(verdict?);
            }
            let own: Vec<Done> = verdicts[own].iter_mut().filter_map(Option::take).collect();
            proofs.push(prove(exercise, tasks, own, wanted));
            before += tasks.len();
        }
        anyhow::Ok(())
    })?;
    summary(&proofs);
    let wrong = exercises.iter().map(|exercise| exercise.wrong.len()).sum();
    let all = (wrong, exercises.iter().map(|exercise| exercise.right().len()).sum());
    println!("{}", said_of_share(&wanted.share, &proofs, all));
    println!("{:.0} s", start.elapsed().as_secs_f64());
    Ok(proofs.iter().all(Proof::good))
}

fn take<'a>(next: &AtomicUsize, tasks: &[&'a Task<'a>]) -> Option<(usize, &'a Task<'a>)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    tasks.get(index).map(|task| (index, *task))
}

/// The files of an exercise that are judged: starter, solution, other right ones, wrong ones.
fn tasks<'a>(exercise: &'a Exercise, wanted: &Wanted) -> Vec<Task<'a>> {
    let task = |file: String, expected| Task { exercise, file, expected };
    let starter = task("starter.rs".to_owned(), Some(&exercise.starter));
    // The one that is shown is always among them.
    let mut right = exercise.right();
    let others = right.split_off(1);
    right.extend(wanted.share.of(&format!("right, {}", exercise.name), others));
    let right = right.into_iter().map(|file| task(file, None));
    let wrong = wanted.share.of(&exercise.name, exercise.wrong.iter().collect());
    let wrong =
        wrong.into_iter().map(|(name, expected)| task(format!("wrong/{name}.rs"), Some(expected)));
    [starter].into_iter().chain(right).chain(wrong).collect()
}

fn run(task: &Task, wanted: &Wanted) -> Result<Verdict> {
    let Task { exercise, file, expected } = task;
    let source = exercise.file(file)?;
    let judge = |only| {
        let manner = Manner { only, ..Manner::default() };
        judge(exercise, source.as_bytes(), &manner)
    };
    // One check is enough if it catches it; what was left behind is seen after all of them. What the
    // starter earns is asked for.
    let is_check = |name: &&String| exercise.checks.iter().any(|check| check.name == **name);
    let check = expected.map(|it| &it.check).filter(is_check);
    if let (Some(expected), Some(check)) = (expected, check)
        && !wanted.table
        && file != "starter.rs"
    {
        let verdict = judge(Some(check.clone()))?;
        if is_caught(&verdict, expected) {
            return Ok(verdict);
        }
    }
    judge(None)
}

fn said_of_share(share: &Share, proofs: &[Proof], all: (usize, usize)) -> String {
    let wrong: usize = proofs.iter().map(|proof| proof.wrong).sum();
    let right: usize = proofs.iter().map(|proof| proof.solutions).sum();
    let Share { one_in, seed } = share;
    if (wrong, right) == all {
        return format!("All {wrong} wrong variants and {right} right solutions were judged.");
    }
    format!(
        "{wrong} of {} wrong variants and {right} of {} right solutions were judged, chosen by chance: \
         cargo grade verify --share {one_in} --seed {seed:x}",
        all.0, all.1
    )
}

/// The starter may earn one part in so many of all points: nothing has been done yet.
const LITTLE: u32 = 4;

/// Looks at what was found of an exercise's files, and prints it.
fn prove(exercise: &Exercise, tasks: &[Task], done: Vec<Done>, wanted: &Wanted) -> Proof {
    println!("{}: {}", exercise.name, exercise.title);
    let table = Table::of(exercise, wanted);
    let mut proof = Proof {
        exercise: exercise.name.clone(),
        starter: false,
        points: (0, exercise.points()),
        right: 0,
        solutions: tasks.iter().filter(|task| task.expected.is_none()).count(),
        caught: 0,
        wrong: 0,
        problems: 0,
        schedules: 0,
        seconds: done.iter().map(|(_, time)| time.as_secs_f64()).sum(),
    };
    let verdict = |name: &str| {
        let at = tasks.iter().position(|task| task.file == name);
        at.map(|at| &done[at].0)
    };
    let refused = |name: &str| verdict(name).and_then(does_not_compile);
    if let (Some(_), Some(said)) = (refused("starter.rs"), refused("solution.rs")) {
        // Every file would say the same again.
        println!("  WRONG neither starter.rs nor solution.rs compiles with checks.rs:");
        println!("{}", escape::clean(said.trim_end(), wanted.style.colour));
        println!("  Nothing else counts before one of them does.\n");
        proof.problems += 1;
        return proof;
    }
    table.heading();
    for (Task { file, expected, .. }, (verdict, _)) in tasks.iter().zip(&done) {
        match expected {
            Some(expected) if file == "starter.rs" => {
                proof.starter = fails(file, verdict, expected, &table, wanted.style);
                proof.points.0 = verdict.points();
            }
            Some(expected) => {
                let caught = fails(file, verdict, expected, &table, wanted.style);
                proof.caught += usize::from(caught);
                proof.wrong += 1;
            }
            None => {
                let passed = verdict.passed();
                table.row(file, verdict, None, passed);
                if passed {
                    proof.right += 1;
                    proof.schedules = verdict.schedules;
                } else {
                    let shown = show::verdict(verdict, &[], wanted.style);
                    println!("  WRONG {file} does not pass:\n{shown}");
                }
            }
        }
    }
    let too_much = exercise.points() / LITTLE;
    if proof.points.0 > too_much {
        println!("  WRONG the starter earns more than {too_much} of {} points", proof.points.1);
        proof.problems += 1;
    }
    for problem in missing(exercise) {
        println!("  WRONG {problem}");
        proof.problems += 1;
    }
    println!("  {} of {} wrong variants caught for their own reason\n", proof.caught, proof.wrong);
    proof
}

/// What the compiler says, if it refuses this file.
fn does_not_compile(verdict: &Verdict) -> Option<&str> {
    let obstacle = verdict.obstacle.as_ref().filter(|obstacle| obstacle.word == "compile");
    obstacle.map(|obstacle| obstacle.message.as_str())
}

fn is_caught(verdict: &Verdict, Expected { check, finding, .. }: &Expected) -> bool {
    !verdict.passed() && verdict.caught(check, finding)
}

/// Whether a file that is known to be wrong is caught for the reason that is given.
fn fails(file: &str, verdict: &Verdict, expected: &Expected, table: &Table, style: Style) -> bool {
    let Expected { check, finding, .. } = expected;
    let caught = is_caught(verdict, expected);
    table.row(file, verdict, Some(expected), caught);
    if !caught {
        println!("  WRONG {file} should be caught by {check} [{finding}], but:");
        println!("{}", show::verdict(verdict, &[], style));
    }
    caught
}

/// The rows of one exercise, one for each variant; in the table of kills, with a column for each check.
struct Table<'a> {
    checks: Vec<&'a str>,
    width: usize,
    /// Whether all checks have judged each variant.
    full: bool,
}

impl<'a> Table<'a> {
    fn of(exercise: &'a Exercise, wanted: &Wanted) -> Table<'a> {
        let checks = exercise.checks.iter().map(|check| check.name.as_str());
        let checks = checks.chain(exercise.tidy.as_ref().map(|_| TIDY)).collect();
        let names = exercise.wrong.keys().map(|name| name.len() + "wrong/.rs".len());
        let width = names.max().unwrap_or(0).max("solution.rs".len());
        Table { checks, width, full: wanted.table }
    }

    fn heading(&self) {
        if !self.full {
            return;
        }
        for (number, check) in self.checks.iter().enumerate() {
            println!("  {:1$}{2}", "", self.width + 2 + 2 * number, check);
        }
    }

    /// A mark for each check, `K` where the one that was to catch it did, `x` where another did, too;
    /// and the points. Without all checks there are neither.
    fn row(&self, file: &str, verdict: &Verdict, expected: Option<&Expected>, good: bool) {
        let mut marks = String::new();
        for name in &self.checks {
            let failed = verdict.checks.iter().any(|it| it.check == *name && !it.passed);
            let meant = expected.is_some_and(|it| it.check == *name && good);
            marks.push_str(match (failed, meant) {
                (true, true) => "K ",
                (true, false) => "x ",
                (false, _) => ". ",
            });
        }
        if verdict.obstacle.is_some() {
            marks = "- ".repeat(self.checks.len());
        }
        let mark = if good { "ok   " } else { "WRONG" };
        let why = match expected {
            Some(Expected { check, finding, why }) => format!("{check} [{finding}]: {why}"),
            None if !good => "does not pass".to_owned(),
            None => format!("passes in {:.2} s", verdict.compiling + verdict.running),
        };
        let width = self.width;
        if !self.full {
            println!("  {file:width$}  {mark} {why}");
            return;
        }
        let points = format!("{}/{}", verdict.points(), verdict.possible);
        println!("  {file:width$}  {marks} {mark} {points:>5}  {why}");
    }
}

/// All exercises and their kills.
fn summary(proofs: &[Proof]) {
    let width = proofs.iter().map(|proof| proof.exercise.len()).max().unwrap_or(0).max(8);
    println!("{:width$}  starter  points  right  kills    rate  schedules  seconds", "exercise");
    let (mut caught, mut wrong) = (0, 0);
    for proof in proofs {
        caught += proof.caught;
        wrong += proof.wrong;
        let Proof { exercise, schedules, seconds, .. } = proof;
        let right = format!("{}/{}", proof.right, proof.solutions);
        let starter = if proof.starter { "fails" } else { "WRONG" };
        let rate = rate(proof.caught, proof.wrong);
        let kills = format!("{}/{}", proof.caught, proof.wrong);
        let points = format!("{}/{}", proof.points.0, proof.points.1);
        let problems = if proof.good() { "" } else { "  WRONG" };
        println!(
            "{exercise:width$}  {starter:7}  {points:>6}  {right:>5}  {kills:>5}  {rate:>6}  {schedules:>9}  \
             {seconds:>7.1}{problems}"
        );
    }
    println!(
        "Of {wrong} wrong variants, {caught} are killed for their own reason: {}",
        rate(caught, wrong)
    );
}

fn rate(caught: usize, wrong: usize) -> String {
    format!("{} %", (100 * caught).checked_div(wrong).unwrap_or(0))
}

/// What is not there that an exercise must have.
fn missing(exercise: &Exercise) -> Vec<String> {
    let mut missing = Vec::new();
    match exercise.hints() {
        Ok(hints) if hints.len() == 3 => {}
        Ok(hints) => missing.push(format!("{} hints, not three", hints.len())),
        Err(error) => missing.push(format!("{error:#}")),
    }
    if let Err(error) = exercise.file("explanation.md") {
        missing.push(format!("{error:#}"));
    }
    if exercise.wrong.len() < 5 {
        missing.push(format!("{} wrong variants, not five or more", exercise.wrong.len()));
    }
    let schedules: u64 = exercise.checks.iter().map(|check| check.schedules).sum();
    if exercise.kind == Kind::Explored && schedules < 10_000 {
        missing.push(format!("{schedules} schedules in all, not 10,000 or more"));
    }
    let starter = ("starter", &exercise.starter);
    let wrong = exercise.wrong.iter().map(|(name, expected)| (name.as_str(), expected));
    for (name, Expected { finding, .. }) in wrong.chain([starter]) {
        for word in finding.split(" or ") {
            if !["compile", "refused"].contains(&word) && !show::is_finding(word) {
                missing.push(format!("{name}: no finding is called {word:?}"));
            }
        }
    }
    for name in exercise.file("checks.rs").iter().flat_map(|text| served(text)) {
        if !exercise.checks.iter().any(|check| check.name == name) {
            missing
                .push(format!("{name} is in checks.rs and not in exercise.toml: it is never run"));
        }
    }
    let files: BTreeSet<String> = fs::read_dir(exercise.directory.join("wrong"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    for name in files.iter().filter(|name| !exercise.wrong.contains_key(*name)) {
        missing.push(format!("wrong/{name}.rs is not in exercise.toml"));
    }
    missing
}

/// The names of the checks that `checks.rs` has, as it says them: `Check::plain("none", none)`.
fn served(checks: &str) -> Vec<&str> {
    let calls = checks.split("Check::").skip(1).filter_map(|call| call.split_once("(\""));
    let calls = calls.filter(|(kind, _)| kind.chars().all(char::is_alphanumeric));
    calls.filter_map(|(_, rest)| rest.split('"').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn what_checks_serve_is_what_exercises_describe() {
        for name in catalogue::names().unwrap() {
            let exercise = catalogue::load(&name).unwrap();
            let text = exercise.file("checks.rs").unwrap();
            let described: Vec<&str> = exercise.checks.iter().map(|it| it.name.as_str()).collect();
            assert_eq!(served(&text), described, "{name}");
        }
    }
}
