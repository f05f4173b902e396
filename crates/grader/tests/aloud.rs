//! Who looks at what a program does by printing, or keeps something for each thread or for the process,
//! loses no points by it: the solutions of all exercises that are explored, in which each function says
//! that it was called.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use grader::share::Share;

/// One exercise in so many is judged, another one in each run, and those below the locks always.
const USUAL: usize = 3;

/// What each function calls. What it keeps needs no more memory at the second call than at the first,
/// and what takes long is done once by each thread.
const ALOUD: &str = r#"

fn aloud() {
    use std::cell::RefCell;
    use std::collections::HashMap;
    struct Heard(String);
    impl Drop for Heard {
        fn drop(&mut self) {
            print!("{} no more, ", self.0);
        }
    }
    std::thread_local! {
        static HEARD: RefCell<Heard> = const { RefCell::new(Heard(String::new())) };
    }
    let length = HEARD.try_with(|heard| {
        let heard = &mut heard.borrow_mut().0;
        let before = heard.len();
        heard.clear();
        heard.push_str("heard");
        before
    });
    let length = length.unwrap_or(5);
    println!("called by {:?}", std::thread::current().name());
    print!("{length} ");
    eprintln!("{length}");
    eprint!("{length} ");
    dbg!(length);
    if length == 0 {
        let said: HashMap<usize, String> = (0..3).map(|it| (it, format!("{length}"))).collect();
        assert!(said.values().all(|it| it == "0"), "{said:?}");
        let caught = std::panic::catch_unwind(|| assert_ne!(length, 0, "said aloud"));
        assert!(caught.is_err());
    }
}
"#;

/// The solution with a call at the beginning of each function, where no panic is under way.
fn said_aloud(solution: &str) -> String {
    let mut text = String::new();
    let mut signature = false;
    for line in solution.lines() {
        text.push_str(line);
        text.push('\n');
        let words = line.trim_start();
        signature |= words.starts_with("fn ") || words.starts_with("pub fn ");
        if signature && line.ends_with('{') {
            text.push_str("if !std::thread::panicking() { aloud(); }\n");
            signature = false;
        }
        signature &= !line.ends_with(';');
    }
    text.push_str(ALOUD);
    text
}

#[test]
fn what_a_right_solution_says_costs_no_points() {
    let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises");
    let mut explored: Vec<PathBuf> = Vec::new();
    let mut weak: Vec<PathBuf> = Vec::new();
    for exercise in fs::read_dir(exercises).unwrap().map(|it| it.unwrap().path()) {
        let Ok(said) = fs::read_to_string(exercise.join("exercise.toml")) else { continue };
        if said.contains("\nkind = \"explored\"") {
            explored.push(exercise);
        } else if said.contains("\nkind = \"weak\"") {
            weak.push(exercise);
        }
    }
    explored.sort();
    assert!(explored.len() >= 5 && weak.len() >= 2, "{explored:?}, {weak:?}");
    let directory = tempfile::tempdir().unwrap();
    let chosen = Share::of_test(USUAL).unwrap().of("aloud", explored);
    for exercise in chosen.into_iter().chain(weak) {
        let name = exercise.file_name().unwrap();
        let solution = fs::read_to_string(exercise.join("solution.rs")).unwrap();
        let file = directory.path().join(name).with_extension("rs");
        fs::write(&file, said_aloud(&solution)).unwrap();
        let mut grade = Command::new(env!("CARGO_BIN_EXE_grader"));
        let output = grade.arg(name).arg("--file").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(said.contains(": passed, "), "{}:\n{said}", exercise.display());
    }
}
