//! A submission that does not end: what a terminal shows meanwhile, and that the same loop is not waited
//! for in every check, at the cost of no point. Of two such loops one is judged, another one in each run;
//! `GRADE_SHARE=1` judges both.

#[path = "../../acceptance/src/watchdog.rs"]
mod watchdog;

use std::fs::{self, File};
use std::io::Read;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use grader::share::Share;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};

fn file_of(exercise: &str, name: &str) -> String {
    let path = format!("{}/../exercises/{exercise}/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

/// A file with a variant of the solution.
fn variant(directory: &Path, exercise: &str, find: &str, replace: &str) -> PathBuf {
    let source = file_of(exercise, "solution.rs");
    assert!(source.contains(find), "{find:?} is not in the solution of {exercise}");
    let file = directory.join(exercise).with_extension("rs");
    fs::write(&file, source.replacen(find, replace, 1)).unwrap();
    file
}

fn grade(exercise: &str, file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
    command.arg(exercise).arg("--file").arg(file).env("COLUMNS", "100").stdin(Stdio::null());
    command
}

/// Each check's name, its points, and what is said of it.
fn checks(said: &str) -> Vec<(String, String, String)> {
    let lines =
        said.lines().filter(|line| line.starts_with("pass  ") || line.starts_with("FAIL  "));
    let parts = lines.map(|line| {
        let (points, rest) = line[6..].split_once("  ").unwrap();
        let (name, rest) = rest.split_once(": ").unwrap();
        (name.to_owned(), points.to_owned(), rest.to_owned())
    });
    parts.collect()
}

/// A loop without an end, put before a line of a solution.
struct Loop {
    exercise: &'static str,
    before: &'static str,
    is: &'static str,
    /// Checks that it is nothing to, and their points.
    others: &'static [(&'static str, &'static str)],
    at: &'static str,
}

const LOOPS: [Loop; 2] = [
    // Under a model of memory each check is a program of its own that runs all the time.
    Loop {
        exercise: "spsc-ring",
        before: "let slot = &ring.slots[pushed",
        is: "loop {}\n",
        others: &[("bounds", "1/1")],
        at: "spsc-ring.rs:",
    },
    // Met by few of the checks: two that are tried to the end, and as many that are not as it takes.
    Loop {
        exercise: "framed-socket",
        before: "let mut message = vec![0; length];\n",
        is: "let mut turns = 0_u64;\nwhile length < 3 && std::hint::black_box(turns) < u64::MAX {\n    \
             turns += 1;\n}\n",
        others: &[("partial", "3/3"), ("too-long", "2/2"), ("peer-gone", "1/1")],
        at: "framed-socket.rs:",
    },
];

#[test]
fn the_same_loop_is_not_tried_to_its_end_again_and_costs_no_other_point() {
    let directory = tempfile::tempdir().unwrap();
    for Loop { exercise, before, is, others, at } in
        Share::of_test(LOOPS.len()).unwrap().of("loops", LOOPS.iter().collect())
    {
        let file = variant(directory.path(), exercise, before, &format!("{is}{before}"));
        let output = grade(exercise, &file).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let checks = checks(&said.replace("\n           ", " "));
        for (name, points) in *others {
            let found = checks.iter().find(|(it, ..)| it == name);
            assert_eq!(found.map(|it| &*it.1), Some(*points), "{name}: {said}");
        }
        let cut = checks.iter().filter(|it| it.2.ends_with("[stuck, not tried to its end]"));
        let whole = checks.iter().filter(|it| it.2.ends_with("[stuck]"));
        assert!(cut.count() > 0 && whole.count() >= 2, "{said}");
        // What is shown in full was tried to its end.
        assert!(!said.contains("Not tried to its end"), "{said}");
        let where_it_is = format!("is running: it spins, or computes for too long at {at}");
        assert!(said.contains(&where_it_is), "{said}");
    }
}

/// A terminal shows each check as it finishes, and of that nothing stays but the verdict.
#[test]
fn a_terminal_shows_each_check_as_it_finishes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("reap.rs");
    fs::write(&file, file_of("reap", "solution.rs")).unwrap();
    for (terminal, stays) in [("xterm", false), ("dumb", true)] {
        let size = Winsize { ws_row: 50, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        fcntl(&pty.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        let mut command = grade("reap", &file);
        command.env("TERM", terminal).env("NO_COLOR", "1");
        let mut child = command.stdout(pty.slave).stderr(Stdio::null()).spawn().unwrap();
        drop(command);
        let (mut master, mut come) = (File::from(pty.master), Vec::new());
        // The end of a terminal is an error to read.
        let _ = master.read_to_end(&mut come);
        watchdog::wait_until("it ends", || child.try_wait().unwrap().is_some());
        let [rows, columns] = [50, 100].map(|it| NonZero::new(it).unwrap());
        let mut screen = vt100::Parser::new(rows, columns, 0);
        screen.process(&come);
        let came = String::from_utf8_lossy(&come).into_owned();
        let shown = screen.screen().contents();
        assert!(came.contains("pass  codes"), "{terminal}: {came:?}");
        assert!(shown.contains("reap: passed, "), "{terminal}: {shown}");
        let line = shown.lines().any(|line| line.trim() == "pass  codes");
        assert_eq!(line, stays, "{terminal}: {shown}");
        assert_eq!(came.contains(" checks)"), !stays, "{terminal}: {came:?}");
    }
}
