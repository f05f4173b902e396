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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &str, experiment: &str, package: &str, expect: &str) -> Of {
        let text = format!(
            "[[break]]\nname = \"x\"\nfile = \"src/{file}.rs\"\nexperiment = \"{experiment}\"\n\
             find = \"a\"\nreplace = \"b\"\nasks = \"What?\"\nbecause = \"So.\"\n\
             [break.expect]\n{expect}"
        );
        let one = breaks::parse(&text).unwrap().remove(0);
        Of { package: package.to_owned(), one }
    }

    #[test]
    fn only_breaks_of_one_file_or_a_shared_one_need_rounds_of_their_own() {
        crate::workspace::find().unwrap();
        let lines = "lines = [\"x\"]";
        let all = [
            of("stacks", "stacks", "threads", lines),
            of("stacks", "stacks", "threads", lines),
            of("scoped", "scoped", "threads", lines),
            of("proc", "registers", "threads", lines),
            of("snapshot", "snapshot", "fork", lines),
            of("scoped", "scoped", "threads", "compile-error = \"E0597\""),
            of("snapshot", "snapshot", "fork", "compile-error = \"E0382\""),
        ];
        assert_eq!(rounds(&all).unwrap(), [vec![0, 2, 4], vec![1], vec![3], vec![5, 6]]);
    }
}
