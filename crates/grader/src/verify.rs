//! Proves exercises: the starter fails as it says and earns little, solutions pass, and each wrong
//! variant is caught for its own reason.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::catalogue::{Exercise, Expected, Kind, TIDY};
use crate::escape;
use crate::judge::{Manner, Verdict, judge};
use crate::show::{self, Style};

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
    /// Seconds by the clock.
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

/// Verifies exercises, printing a table of kills for each and one for all; whether all is as it
/// should be.
pub fn verify(exercises: &[Exercise], style: Style) -> Result<bool> {
    let mut proofs = Vec::new();
    for exercise in exercises {
        ensure!(exercise.has_solution(), "this is a handout: there is nothing to verify");
        proofs.push(prove(exercise, style)?);
    }
    summary(&proofs);
    Ok(proofs.iter().all(Proof::good))
}

/// The starter may earn one part in so many of all points: nothing has been done yet.
const LITTLE: u32 = 4;

fn prove(exercise: &Exercise, style: Style) -> Result<Proof> {
    println!("{}: {}", exercise.name, exercise.title);
    let start = Instant::now();
    let table = Table::of(exercise);
    let mut proof = Proof {
        exercise: exercise.name.clone(),
        starter: false,
        points: (0, exercise.points()),
        right: 0,
        solutions: 0,
        caught: 0,
        wrong: exercise.wrong.len(),
        problems: 0,
        schedules: 0,
        seconds: 0.0,
    };
    let (starter, solution) = (run(exercise, "starter.rs")?, run(exercise, "solution.rs")?);
    if let (Some(_), Some(said)) = (does_not_compile(&starter), does_not_compile(&solution)) {
        // Every file would say the same again.
        println!("  WRONG neither starter.rs nor solution.rs compiles with checks.rs:");
        println!("{}", escape::clean(said.trim_end(), style.colour));
        println!("  Nothing else is tried before one of them does.\n");
        proof.problems += 1;
        proof.seconds = start.elapsed().as_secs_f64();
        return Ok(proof);
    }
    table.heading();
    proof.starter = fails("starter.rs", &starter, &exercise.starter, &table, style);
    proof.points.0 = starter.points();
    let mut right = vec![("solution.rs".to_owned(), solution)];
    for name in exercise.right().into_iter().skip(1) {
        let verdict = run(exercise, &name)?;
        right.push((name, verdict));
    }
    proof.solutions = right.len();
    for (name, verdict) in right {
        let passed = verdict.passed();
        table.row(&name, &verdict, None, passed);
        if passed {
            proof.right += 1;
            proof.schedules = verdict.schedules;
        } else {
            println!("  WRONG {name} does not pass:\n{}", show::verdict(&verdict, &[], style));
        }
    }
    for (name, expected) in &exercise.wrong {
        let file = format!("wrong/{name}.rs");
        let caught = fails(&file, &run(exercise, &file)?, expected, &table, style);
        proof.caught += usize::from(caught);
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
    proof.seconds = start.elapsed().as_secs_f64();
    Ok(proof)
}

fn run(exercise: &Exercise, file: &str) -> Result<Verdict> {
    judge(exercise, exercise.file(file)?.as_bytes(), &Manner::default())
}

/// What the compiler says, if it refuses this file.
fn does_not_compile(verdict: &Verdict) -> Option<&str> {
    let obstacle = verdict.obstacle.as_ref().filter(|obstacle| obstacle.word == "compile");
    obstacle.map(|obstacle| obstacle.message.as_str())
}

/// Whether a file that is known to be wrong is caught for the reason that is given.
fn fails(file: &str, verdict: &Verdict, expected: &Expected, table: &Table, style: Style) -> bool {
    let Expected { check, finding, .. } = expected;
    let caught = !verdict.passed() && verdict.caught(check, finding);
    table.row(file, verdict, Some(expected), caught);
    if !caught {
        println!("  WRONG {file} should be caught by {check} [{finding}], but:");
        println!("{}", show::verdict(verdict, &[], style));
    }
    caught
}

/// The table of kills of one exercise: a row for each variant, a column for each check.
struct Table<'a> {
    checks: Vec<&'a str>,
    width: usize,
}

impl<'a> Table<'a> {
    fn of(exercise: &'a Exercise) -> Table<'a> {
        let checks = exercise.checks.iter().map(|check| check.name.as_str());
        let checks = checks.chain(exercise.tidy.as_ref().map(|_| TIDY)).collect();
        let names = exercise.wrong.keys().map(|name| name.len() + "wrong/.rs".len());
        Table { checks, width: names.max().unwrap_or(0).max("solution.rs".len()) }
    }

    fn heading(&self) {
        for (number, check) in self.checks.iter().enumerate() {
            println!("  {:1$}{2}", "", self.width + 2 + 2 * number, check);
        }
    }

    /// A mark for each check, `K` where the one that was to catch it did, `x` where another did, too;
    /// and the points.
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
