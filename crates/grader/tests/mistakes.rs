//! What is asked for wrongly, or cannot be done: one sentence on standard error, exit status 2 if the
//! command line is wrong and 1 for everything else, and nothing is left.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// Arguments, where `@` stands for the directory of the test; the exit status; what is said.
type Mistake = (&'static [&'static str], i32, &'static str);

const MISTAKES: &[Mistake] = &[
    // One file.
    (&["bounded-que"], 2, "did you mean bounded-queue?"),
    (&["no-such"], 2, "there is no exercise \"no-such\""),
    (&["exercises/framed-socket.rs"], 2, "did you mean framed-socket?"),
    (&["reap", "pipeline"], 2, "one exercise at a time, and not reap and pipeline"),
    (&["reap", "verify"], 2, "the command comes first: verify reap"),
    (&["prepair"], 2, "there is no exercise \"prepair\"; did you mean prepare?"),
    (
        &["bounded-queue", "--play", "nothing-los"],
        2,
        "has no check \"nothing-los\"; did you mean nothing-lost?",
    ),
    (
        &["bounded-queue", "--replay", "nothing-los:1"],
        2,
        "has no check \"nothing-los\"; did you mean nothing-lost?",
    ),
    (&["hints", "reap"], 2, "there is no command \"hints\"; did you mean hint?"),
    (&["--file", "@/file.rs"], 2, "--file needs the name of an exercise"),
    (&["--replay", "many:0"], 2, "--replay needs the name of an exercise"),
    (
        &["reap", "--no-such"],
        2,
        "unexpected argument '--no-such' found (`cargo grade --help` shows",
    ),
    (&["reap", "--without", "everything"], 2, "invalid value 'everything'"),
    (&["re\x1b[31map\n\n!"], 2, "there is no exercise \"re\\u{1b}[31map\\n\\n!\""),
    (&["reap", "--no\x07\n\nsuch"], 2, "unexpected argument '--no\\u{7}\\n\\nsuch' found (`"),
    (&["reap", "--file", "@/ab\x1b\nsent"], 1, ": ab\\u{1b}\\nsent: No such file"),
    (&["reap", "--file", "@/absent"], 1, ": absent: No such file"),
    (&["reap", "--file", "@/empty"], 1, ": empty is not a plain file"),
    (&["reap", "--file", "@/link"], 1, ": link is a symbolic link"),
    (&["reap", "--file", "/proc/self/mem"], 1, "/proc/self/mem: "),
    (&["reap", "--file"], 2, "a value is required for '--file <FILE>'"),
    (&["bounded-queue", "--replay", "one"], 2, "--replay takes CHECK:SCHEDULE"),
    (&["bounded-queue", "--replay", "no-such:0-1"], 2, "has no check \"no-such\""),
    (
        &["bounded-queue", "--file", "@/file.rs", "--replay", "one-thread:0-x"],
        2,
        "is not a schedule",
    ),
    (&["bounded-queue", "--file", "@/file.rs", "--replay", "one-thread:"], 2, "is not a schedule"),
    (&["reap", "--play"], 2, "is not run under schedules"),
    (&["bounded-queue", "--play", "no-such"], 2, "has no check \"no-such\""),
    (&["bounded-queue", "--replay", "many:0", "--play", "bounded"], 2, "is one of many"),
    (
        &["bounded-queue", "--file", "@/file.rs", "--replay", "many:x", "--play"],
        2,
        "is not a schedule",
    ),
    (&["--play"], 2, "--play needs the name of an exercise before it"),
    (&["--play", "semaphore"], 2, "the exercise comes before it: semaphore --play"),
    (&["time-limit", "--replay", "tidy:1"], 2, "tidy is what all other checks leave behind"),
    (&["bounded-queue", "--replay", "tidy:1"], 2, "has no check \"tidy\""),
    (&["--html", "@/page.html"], 2, "required arguments were not provided"),
    (&["reap", "--play", "--html", "@/page.html"], 2, "cannot be used with"),
    (&["reap", "--watch", "--html", "@/page.html"], 2, "cannot be used with"),
    (&["reap", "--replay", "codes:zz"], 2, "is not a seed"),
    (&["--watch"], 1, "--watch needs a terminal"),
    (&["--watch", "no-such"], 2, "there is no exercise"),
    (&["--watch", "--file", "x"], 2, "cannot be used with"),
    // A learner.
    (&["hint"], 2, "required arguments were not provided"),
    (&["hint", "no-such"], 2, "there is no exercise"),
    (&["hint", "reap", "4"], 2, "invalid value '4' for '[1-3]'; it can be 1, 2 or 3 ("),
    (&["hint", "reap", "0"], 2, "invalid value '0'"),
    (&["hint", "reap", "more"], 2, "; it can be 1, 2 or 3"),
    (&["reset"], 2, "required arguments were not provided"),
    (&["reset", "no-such"], 2, "there is no exercise"),
    (&["solution", "no-such"], 2, "there is no exercise"),
    (&["solution", "reap", "--now"], 2, "unexpected argument '--now'"),
    // An author.
    (&["verify", "no-such"], 2, "there is no exercise"),
    (&["verify", "--share", "0"], 2, "it is a whole number, 1 or more"),
    (&["verify", "--seed", "1"], 2, "required arguments were not provided"),
    (&["verify", "--share", "8", "--seed", "x"], 2, "it is hexadecimal"),
    (&["verify", "--table", "--mutants"], 2, "cannot be used with"),
    (&["verify", "--in", "@"], 2, "required arguments were not provided"),
    (&["verify", "no-such", "--in", "@"], 1, "@/no-such/exercise.toml: No such file"),
    (&["verify", "bad", "--in", "@/exercises-of-mine"], 1, "bad/exercise.toml: line 1: "),
    (&["new"], 2, "required arguments were not provided"),
    (&["new", "Bad Name"], 2, "cannot be the name of an exercise"),
    (&["new", "reap"], 2, "is there already"),
    (&["new", "mine", "--in", "@/file.rs"], 1, "file.rs/mine"),
    // A teacher.
    (&["submission"], 2, "required arguments were not provided"),
    (&["submission", "@/absent"], 2, "there is no directory @/absent"),
    (&["submission", "@/file.rs"], 2, "@/file.rs is not a directory"),
    (&["submission", "@/empty"], 2, "in @/empty is no file of an exercise"),
    (&["submission", "@/class/ann", "--exercise", "no-such"], 2, "there is no exercise"),
    (&["submission", "@/class/ann", "--format", "xml"], 2, "invalid value 'xml'"),
    (&["submission", "@/class/ann", "--out", "@/absent/x"], 3, "@/absent/x: No such file"),
    (&["submission", "@/class/ann", "--out", "@/empty"], 3, "@/empty: Is a directory"),
    (&["batch", "@/class"], 2, "--out <DIR>"),
    (&["batch", "@/absent", "--out", "@/results"], 2, "there is no directory @/absent"),
    (&["batch", "@/empty", "--out", "@/results"], 2, "in @/empty is no directory to judge"),
    (&["batch", "@/nobody", "--out", "@/results"], 2, "nobody handed in a file"),
    (&["batch", "@/class", "--out", "@/results", "--jobs", "0"], 2, "invalid value '0'"),
    (
        &["batch", "@/class", "--out", "@/results", "--jobs", "many"],
        2,
        "it is a whole number, 1 or more",
    ),
    (&["batch", "@/class", "--out", "@/file.rs"], 1, "@/file.rs: "),
    (&["batch", "@/class", "--out", "@/file.rs/results"], 1, "@/file.rs/results: "),
    (&["handout"], 2, "required arguments were not provided"),
    (&["handout", "@/class"], 2, "class is not empty"),
    (&["handout", "@/file.rs"], 2, "file.rs is not a directory"),
    (&["handout", "@/file.rs/n\new"], 1, "file.rs/n\\new: "),
    (&["handout", "@/file.rs/new"], 1, "file.rs/new: "),
    (&["handout", "@/results", "--exercise", "no-such"], 2, "there is no exercise"),
    // The machine.
    (&["doctor", "--now"], 2, "unexpected argument '--now'"),
    (&["doctor", "--without", "luck"], 2, "invalid value 'luck'"),
];

fn grade(here: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
    command.current_dir(here).env("GRADE_DIR", here.join("learner")).stdin(Stdio::null());
    command
}

#[test]
fn every_mistake_gets_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    for made in ["empty", "class/ann", "nobody/ann", "exercises-of-mine/bad"] {
        fs::create_dir_all(here.join(made)).unwrap();
    }
    for made in ["file.rs", "class/ann/reap.rs", "exercises-of-mine/bad/exercise.toml"] {
        fs::write(here.join(made), "pub struct NothingThatIsAskedFor;").unwrap();
    }
    let queue = concat!(env!("CARGO_MANIFEST_DIR"), "/../exercises/bounded-queue/starter.rs");
    fs::copy(queue, here.join("file.rs")).unwrap();
    symlink("file.rs", here.join("link")).unwrap();
    let before = everything(here);

    let here_text = here.to_str().unwrap();
    let mut problems = Vec::new();
    for (arguments, status, expected) in MISTAKES {
        let given = arguments.iter().map(|it| it.replace('@', here_text));
        let output = grade(here).args(given).output().unwrap();
        let [said, errors] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let errors = errors.replace(here_text, "@");
        // A wrong command line is refused before anything is built, so there is no word of it.
        let code = output.status.code();
        let sentence = !errors.trim_end().contains(char::is_control);
        let plain = said.is_empty() && sentence && !errors.contains("panicked");
        if code != Some(*status) || !errors.contains(expected) || !plain {
            problems
                .push(format!("{arguments:?}: {code:?}, not {status} {expected}: {said}{errors}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(everything(here), before, "nothing is left");
}

#[test]
fn what_the_learner_has_may_be_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let complains = |arguments: &[&str], expected: &str| {
        let output = grade(here).args(arguments).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(
            errors.contains(expected) && !errors.contains("panicked"),
            "{arguments:?}: {errors}"
        );
    };
    fs::write(here.join("learner"), "a file").unwrap();
    complains(&["reap"], "learner/exercises/reap.rs: ");
    complains(&["hint", "reap"], "the progress: learner/.grade/progress.json: ");
    fs::remove_file(here.join("learner")).unwrap();
    fs::create_dir_all(here.join("learner/exercises/reap.rs")).unwrap();
    complains(&["reap"], "learner/exercises/reap.rs is not a plain file");
    fs::create_dir_all(here.join("learner/.grade/progress.json")).unwrap();
    complains(&["hint", "reap"], "the progress: learner/.grade/progress.json is not a plain file");
    // Nothing is written over what may be somebody's points.
    complains(&[], "the progress: learner/.grade/progress.json is not a plain file");
    assert!(here.join("learner/.grade/progress.json").is_dir());
}

#[test]
fn arguments_need_not_be_text() {
    let directory = tempfile::tempdir().unwrap();
    let strange = OsStr::from_bytes(b"\xff");
    for (arguments, status) in [
        (vec![strange], 2),
        (vec!["reap".as_ref(), "--file".as_ref(), strange], 1),
        (vec!["submission".as_ref(), strange], 2),
        (vec!["hint".as_ref(), strange], 2),
    ] {
        let output = grade(directory.path()).args(&arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    }
}

/// All files and directories below one, by name.
fn everything(at: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut directories = vec![at.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            found.insert(entry.path().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            }
        }
    }
    found
}
