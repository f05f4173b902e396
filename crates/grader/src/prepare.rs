//! Builds everything that a first verdict would wait for: in an image for a class, or at home.

use anyhow::{Context, Result, ensure};

use crate::catalogue::{self, Exercise, Kind};
use crate::judge::{Manner, judge};
use crate::toolchain::Toolchain;

/// Builds the libraries of every kind of exercise that there is, and judges a starter of each, which
/// keeps what is found out only once. One line on standard error for each step.
pub fn prepare() -> Result<bool> {
    let exercises = catalogue::all()?;
    let kinds = [Kind::Explored, Kind::Weak, Kind::Process];
    let first = |kind: &Kind| exercises.iter().find(|exercise| exercise.kind == *kind);
    let firsts: Vec<&Exercise> = kinds.iter().filter_map(first).collect();
    let steps = 2 * firsts.len();
    for (index, exercise) in firsts.iter().enumerate() {
        let (name, what) = (&exercise.name, what(exercise.kind));
        let step = 2 * index + 1;
        eprintln!("[{step}/{steps}] Libraries for {what}");
        Toolchain::get(exercise.kind).with_context(|| format!("the libraries for {what}"))?;
        eprintln!("[{}/{steps}] A first verdict: the starter of {name}", step + 1);
        let starter = exercise.file("starter.rs")?;
        let verdict = judge(exercise, starter.as_bytes(), &Manner::default())?;
        let compiles = verdict.obstacle.is_none() || exercise.starter.check == "compile";
        ensure!(compiles, "the starter of {name} does not compile here");
    }
    println!("Everything is built. The exercises: cargo grade");
    Ok(true)
}

fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Explored => "exercises with threads",
        Kind::Weak => "exercises below the locks",
        Kind::Process => "exercises with processes",
    }
}
