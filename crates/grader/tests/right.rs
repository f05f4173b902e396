//! Right solutions in other styles than those that are shown get full marks, as a learner judges them:
//! a share of them, another one in each run; `tests/verify.rs` judges all of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use grader::share::Share;

/// One right solution in so many.
const USUAL: usize = 3;

/// How often something is judged: no run has the schedules of another.
const TIMES: usize = 2;

#[test]
fn every_right_solution_gets_full_marks() {
    let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises");
    let mut files: Vec<PathBuf> = fs::read_dir(exercises)
        .unwrap()
        // Not every exercise has more right solutions than the two that are always there.
        .flat_map(|exercise| {
            fs::read_dir(exercise.unwrap().path().join("right")).into_iter().flatten()
        })
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let share = Share::of_test(USUAL).unwrap();
    let chosen = share.of("right", files);
    assert!(chosen.len() >= 2, "{chosen:?}");
    for file in chosen {
        let exercise = file.ancestors().nth(2).and_then(Path::file_name).unwrap();
        let said = judge(exercise.to_str().unwrap(), &file);
        assert!(said.contains(": passed, "), "{}:\n{said}", file.display());
    }
}

/// Who gives way some hundred times is found out all the same.
#[test]
fn giving_way_hides_nothing() {
    let wrong = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diluted/bank-transfer.rs");
    for _ in 0..TIMES {
        let said = judge("bank-transfer", &wrong);
        assert!(said.contains("not yet, 13 of 14 points"), "{said}");
        assert!(said.contains("no-overdraft: your code panicked"), "{said}");
    }
}

fn judge(exercise: &str, file: &Path) -> String {
    let mut grade = Command::new(env!("CARGO_BIN_EXE_grader"));
    let output = grade.arg(exercise).arg("--file").arg(file).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
