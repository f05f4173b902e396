//! Each ordering that matters, weakened alone in each right solution, is caught: a share of them,
//! another one in each run; `GRADE_SHARE=1` judges all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use grader::share::Share;

/// One ordering in so many, of each exercise.
const USUAL: usize = 4;

/// What an ordering becomes when it is weakened by one step.
const WEAKER: [(&str, &[&str]); 4] = [
    ("Acquire", &["Relaxed"]),
    ("Release", &["Relaxed"]),
    ("AcqRel", &["Acquire", "Release"]),
    ("SeqCst", &["AcqRel"]),
];

#[test]
fn each_ordering_that_matters_is_missed() {
    let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises");
    let scratch = tempfile::tempdir().unwrap();
    let (share, mut all, mut survivors) = (Share::of_test(USUAL).unwrap(), 0, Vec::new());
    for name in ["spinlock", "spsc-ring"] {
        let mut weakened = Vec::new();
        for solution in right(&exercises.join(name)) {
            let source = fs::read_to_string(&solution).unwrap();
            weakened.extend(orderings(&source).into_iter().map(|found| (solution.clone(), found)));
        }
        all += weakened.len();
        for (solution, (at, old, new)) in share.of(name, weakened) {
            let source = fs::read_to_string(&solution).unwrap();
            let mut text = source.clone();
            text.replace_range(at..at + old.len(), new);
            let file = scratch.path().join("weakened.rs");
            fs::write(&file, text).unwrap();
            if passes(name, &file) {
                let line = source[..at].matches('\n').count() + 1;
                survivors.push(format!("{}:{line}: {old} to {new}", solution.display()));
            }
        }
    }
    assert!(all >= 25, "there are only {all} orderings");
    assert!(survivors.is_empty(), "nobody misses: {survivors:#?}");
}

/// A weak exchange that failed for no reason is shown as that, and not as what it is made of.
#[test]
fn a_failure_for_no_reason_is_shown_as_one() {
    let wrong =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises/spinlock/wrong/tries-weakly.rs");
    let said = judge("spinlock", &wrong).0.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("compare_exchange_weak(Acquire) locked"), "{said}");
    assert!(said.contains(": fails for no reason, stays 0"), "{said}");
    assert!(!said.contains(" load("), "{said}");
}

/// The right solutions of an exercise.
fn right(exercise: &Path) -> Vec<PathBuf> {
    let others = fs::read_dir(exercise.join("right")).unwrap().map(|file| file.unwrap().path());
    let known = ["solution.rs", "another.rs"].map(|name| exercise.join(name));
    known.into_iter().chain(others).collect()
}

/// Where orderings are in a source, and what each may become.
fn orderings(source: &str) -> Vec<(usize, &'static str, &'static str)> {
    let mut found = Vec::new();
    for (old, weaker) in WEAKER {
        for (at, path) in source.match_indices(&format!("Ordering::{old}")) {
            let at = at + path.len() - old.len();
            found.extend(weaker.iter().map(|new| (at, old, *new)));
        }
    }
    // A fence cannot be relaxed: without it is what is meant, and its line stays otherwise as it is.
    found.retain(|(at, ..)| !source[..*at].ends_with("fence(Ordering::"));
    found
}

fn passes(exercise: &str, file: &Path) -> bool {
    judge(exercise, file).1
}

/// What is said of a submission, and whether it passes.
fn judge(exercise: &str, file: &Path) -> (String, bool) {
    let mut grader = Command::new(env!("CARGO_BIN_EXE_grader"));
    grader.args([exercise, "--file"]).arg(file);
    let output = grader.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("points"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    (said, output.status.success())
}
