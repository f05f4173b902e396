//! Proves an exercise: its starter fails as it says, its solutions pass, and each wrong variant is
//! caught for its own reason.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;

use crate::catalogue::{Exercise, Expected};
use crate::judge::{Manner, Verdict, judge};
use crate::show::{self, Style};

/// Verifies one exercise, printing a line for each variant; whether all is as it should be.
pub fn verify(exercise: &Exercise, style: Style) -> Result<bool> {
    println!("{}", exercise.name);
    let mut good = true;
    let mut kills: Vec<(&str, Vec<bool>)> = Vec::new();
    good &= fails(exercise, "starter.rs", &exercise.starter, style, &mut kills)?;
    for name in ["solution.rs", "another.rs"] {
        let verdict = run(exercise, name)?;
        let (compiling, running) = (verdict.compiling, verdict.running);
        let said = format!("{name}: passes in {compiling:.2} + {running:.2} s");
        if verdict.passed() {
            println!("  ok    {said}, {} schedules", verdict.schedules);
        } else {
            println!("  WRONG {name} does not pass:\n{}", show::verdict(&verdict, &[], style));
            good = false;
        }
    }
    for (name, expected) in &exercise.wrong {
        good &= fails(exercise, &format!("wrong/{name}.rs"), expected, style, &mut kills)?;
    }
    good &= complete(exercise);
    table(exercise, &kills);
    Ok(good)
}

fn run(exercise: &Exercise, file: &str) -> Result<Verdict> {
    judge(exercise, exercise.file(file)?.as_bytes(), &Manner::default())
}

fn fails<'a>(
    exercise: &'a Exercise,
    file: &str,
    expected: &'a Expected,
    style: Style,
    kills: &mut Vec<(&'a str, Vec<bool>)>,
) -> Result<bool> {
    let verdict = run(exercise, file)?;
    let Expected { check, finding, why } = expected;
    if !verdict.passed() && verdict.caught(check, finding) {
        println!("  ok    {file}: caught by {check} [{finding}]: {why}");
        if let Some((name, _)) = exercise.wrong.iter().find(|(_, it)| std::ptr::eq(*it, expected)) {
            let failed = verdict.checks.iter().map(|judged| !judged.passed).collect();
            kills.push((name, failed));
        }
        return Ok(true);
    }
    println!("  WRONG {file} should be caught by {check} [{finding}], but:");
    println!("{}", show::verdict(&verdict, &[], style));
    Ok(false)
}

/// Whether everything is there that an exercise must have.
fn complete(exercise: &Exercise) -> bool {
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
    if exercise.kind == crate::catalogue::Kind::Explored && schedules < 10_000 {
        missing.push(format!("{schedules} schedules in all, not 10,000 or more"));
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
    for problem in &missing {
        println!("  WRONG {problem}");
    }
    missing.is_empty()
}

/// Which check catches which variant.
fn table(exercise: &Exercise, kills: &[(&str, Vec<bool>)]) {
    let names: Vec<&str> = exercise
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .chain(exercise.tidy.as_ref().map(|_| "tidy"))
        .collect();
    let width = kills.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    println!("  {:width$}  caught by", "");
    for (variant, failed) in kills {
        let caught: Vec<&str> = names
            .iter()
            .zip(failed)
            .filter(|(_, failed)| **failed)
            .map(|(name, _)| *name)
            .collect();
        println!("  {variant:width$}  {}", caught.join(", "));
    }
    let caught = kills.len();
    println!("  {caught} of {} wrong variants caught for their own reason", exercise.wrong.len());
}
