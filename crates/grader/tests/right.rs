//! Right solutions in other styles than those that are shown get full marks, as a learner judges them;
//! `tests/verify.rs` judges each once more.

use std::fs;
use std::path::Path;
use std::process::Command;

/// How often something is judged: no run has the schedules of another.
const TIMES: usize = 2;

#[test]
fn every_right_solution_gets_full_marks() {
    let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises");
    let mut judged = 0;
    for exercise in fs::read_dir(exercises).unwrap().map(|entry| entry.unwrap().path()) {
        let name = exercise.file_name().unwrap().to_str().unwrap();
        // Not every exercise has more right solutions than the two that are always there.
        let files = fs::read_dir(exercise.join("right")).into_iter().flatten();
        for file in files.map(|entry| entry.unwrap().path()) {
            let said = judge(name, &file);
            assert!(said.contains(": passed, "), "{}:\n{said}", file.display());
            judged += 1;
        }
    }
    assert!(judged >= 2, "{judged} judged");
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
