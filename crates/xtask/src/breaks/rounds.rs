//! Rounds: which breaks may stand in one build. Breaks of different packages may, and of one
//! package those of files that belong to different experiments, as these run one at a time.

use std::fs;

use anyhow::{Context, Result};
use breaks::Break;

use crate::workspace::folder;

/// A break and its package.
#[derive(Clone, Debug)]
pub struct Of {
    /// The package.
    pub package: String,
    /// The break.
    pub one: Break,
}

/// Divides breaks into rounds, given by their places in `all`. What must not compile comes last:
/// no other break of its package could be seen beside it.
pub fn rounds(all: &[Of]) -> Result<Vec<Vec<usize>>> {
    let mut alone = Vec::new();
    for of in all {
        alone.push(of.one.expect.compile_error.is_some() || !belongs_to_its_experiment(of)?);
    }
    let conflict = |a: usize, b: usize| {
        let (first, second) = (&all[a], &all[b]);
        first.package == second.package
            && (alone[a] || alone[b] || first.one.file == second.one.file)
    };
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for refused in [false, true] {
        let begin = rounds.len();
        let these =
            (0..all.len()).filter(|at| all[*at].one.expect.compile_error.is_some() == refused);
        for at in these {
            let free = rounds[begin..].iter().position(|r| !r.iter().any(|b| conflict(at, *b)));
            match free {
                Some(round) => rounds[begin + round].push(at),
                None => rounds.push(vec![at]),
            }
        }
    }
    Ok(rounds)
}

/// Whether the edited file defines the experiment that is run, and no other module uses it.
fn belongs_to_its_experiment(of: &Of) -> Result<bool> {
    let source = folder(&of.package).join("src");
    let path = folder(&of.package).join(&of.one.file);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    if !text.contains(&format!("name: \"{}\"", of.one.experiment)) {
        return Ok(false);
    }
    let module = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for entry in fs::read_dir(&source).with_context(|| source.display().to_string())? {
        let other = entry?.path();
        if other == path || other.ends_with("lib.rs") || other.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&other).with_context(|| other.display().to_string())?;
        if text.contains(&format!("{module}::")) {
            return Ok(false);
        }
    }
    Ok(true)
}
