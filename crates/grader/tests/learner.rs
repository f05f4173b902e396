//! The commands as a learner types them, in a directory of their own.

#[path = "../../acceptance/src/watchdog.rs"]
mod watchdog;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::Mode;
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::{geteuid, mkfifo};

use crate::watchdog::wait_until;

const EXERCISE: &str = "bounded-queue";

fn grade(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(directory).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
    command.env("GRADE_DIR", directory).env_remove("CLICOLOR_FORCE").env("COLUMNS", "80");
    command.stdin(Stdio::null());
    command
}

fn file_of(exercise: &str, name: &str) -> String {
    let path = format!("{}/../exercises/{exercise}/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_learner_goes_from_the_starter_to_the_solution() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let mine = here.join("exercises/bounded-queue.rs");

    let (code, said, _) = grade(here, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("bounded-queue") && said.contains("\n0 of "), "{said}");

    let (code, said, _) = grade(here, &[EXERCISE]);
    assert_eq!(code, Some(1), "the starter does not pass: {said}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), file_of(EXERCISE, "starter.rs"));
    let replay = said.lines().find_map(|line| line.split("--replay ").nth(1)).unwrap();
    let (code, again, _) = grade(here, &[EXERCISE, "--replay", replay]);
    assert_eq!(code, Some(1), "{again}");
    // A schedule is shown of several threads.
    let alone = replay.starts_with("one-thread:");
    assert_eq!(again.contains("The schedule, with line numbers:"), !alone, "{again}");
    assert!(again.contains("\nbounded-queue: this schedule fails\n"), "{again}");
    let (_, said, _) = grade(here, &[]);
    assert!(said.contains("Next:           cargo grade bounded-queue\n"), "{said}");

    for level in ["1 of 3", "2 of 3", "3 of 3", "3 of 3"] {
        let (code, said, _) = grade(here, &["hint", EXERCISE]);
        assert_eq!(code, Some(0));
        assert!(said.starts_with(&format!("Hint {level}:")), "{said}");
    }
    let (code, said, _) = grade(here, &["solution", EXERCISE]);
    assert_eq!(code, Some(1), "{said}");
    assert!(!said.contains("impl"), "the solution is not shown too early: {said}");

    fs::write(&mine, file_of(EXERCISE, "solution.rs")).unwrap();
    let (code, said, _) = grade(here, &[EXERCISE]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said, _) = grade(here, &[EXERCISE, "--replay", replay]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("this schedule passes. All of it: cargo grade bounded-queue\n"),
        "{said}"
    );
    let (_, said, _) = grade(here, &[]);
    assert!(said.contains("passed   15 / 15") && said.contains("\n1 of "), "{said}");
    let (_, said, _) = grade(here, &["hint", EXERCISE]);
    assert!(said.ends_with(" The solution: cargo grade solution bounded-queue\n"), "{said}");
    let (code, said, _) = grade(here, &["solution", EXERCISE]);
    assert_eq!(code, Some(0));
    assert!(said.contains("impl") && said.contains("What fails, and why:"), "{said}");

    // What has passed once keeps its solution open, also while the file does not pass.
    fs::write(&mine, file_of(EXERCISE, "starter.rs")).unwrap();
    assert_eq!(grade(here, &[EXERCISE]).0, Some(1));
    assert_eq!(grade(here, &["solution", EXERCISE]).0, Some(0));
    fs::write(&mine, file_of(EXERCISE, "solution.rs")).unwrap();

    let (code, said, _) = grade(here, &["reset", EXERCISE]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), file_of(EXERCISE, "starter.rs"));
    let kept = fs::read_to_string(here.join("exercises/bounded-queue.1.rs")).unwrap();
    assert_eq!(kept, file_of(EXERCISE, "solution.rs"));
    let (_, said, _) = grade(here, &[]);
    assert!(said.contains("\n0 of "), "a starter has not passed: {said}");
    let (code, said, _) = grade(here, &["solution", EXERCISE]);
    assert_eq!(code, Some(1), "who begins anew is not shown it unasked: {said}");
    assert!(!said.contains("impl") && said.contains(" --give-up\n"), "{said}");
    let (_, said, _) = grade(here, &["hint", EXERCISE, "3"]);
    assert!(said.ends_with(" solution bounded-queue --give-up\n"), "{said}");
    assert_eq!(grade(here, &[EXERCISE]).0, Some(1));
    let (code, said, _) = grade(here, &["reset", EXERCISE]);
    assert_eq!(code, Some(0));
    assert!(said.contains("is as it was in the beginning"), "{said}");
    assert!(!here.join("exercises/bounded-queue.2.rs").exists(), "a starter is not kept");
}

/// Somebody who has done nothing yet sees what is right already, and of what is wrong what is missing.
#[test]
fn the_first_verdict_says_what_is_right_and_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said, _) = grade(directory.path(), &["parallel-sum"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("pass  1/1  sum: every item is added exactly once"), "{said}");
    assert!(said.contains("\nat-the-same-time: deadlock\n"), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing = "2 threads were to be at work at the same time: they wait for each other at \
                   meeting, and only 1 has come. main is blocked";
    assert!(words.contains(missing), "{said}");
}

#[test]
fn progress_that_cannot_be_read_is_kept_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let progress = directory.path().join(".grade/progress.json");
    fs::create_dir(directory.path().join(".grade")).unwrap();
    fs::write(&progress, "{\"passed\": {\"reap\": tr").unwrap();
    let (code, _, errors) = grade(directory.path(), &[]);
    assert!(code == Some(0) && errors.contains("cannot be understood"), "{errors}");
    let (code, _, errors) = grade(directory.path(), &["hint", EXERCISE]);
    assert!(code == Some(0) && errors.contains("progress.1.json"), "{errors}");
    let kept = fs::read_to_string(progress.with_extension("1.json")).unwrap();
    assert_eq!(kept, "{\"passed\": {\"reap\": tr");
    let (_, said, errors) = grade(directory.path(), &["hint", EXERCISE]);
    assert!(said.starts_with("Hint 2") && errors.is_empty(), "{said}{errors}");
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Files may not grow at all: `ulimit -f 0`.
fn on_a_full_disk(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command(directory);
    // SAFETY: between fork and exec only one system call is made.
    unsafe {
        command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?));
    }
    let output = command.args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_full_disk_leaves_no_half_of_a_file_and_takes_none_away() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let exercises = here.join("exercises");
    for arguments in [&[EXERCISE] as &[&str], &["reset", EXERCISE]] {
        let (code, errors) = on_a_full_disk(here, arguments);
        assert_eq!(code, Some(1), "{errors}");
        assert!(errors.contains("bounded-queue.rs: File too large"), "{errors}");
        assert_eq!(names_in(&exercises), [""; 0]);
    }
    let mine = exercises.join("bounded-queue.rs");
    fs::write(&mine, "// Mine.\n").unwrap();
    let (code, errors) = on_a_full_disk(here, &["reset", EXERCISE]);
    assert_eq!((code, names_in(&exercises).len()), (Some(1), 1), "{errors}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "// Mine.\n");

    let (code, said, _) = grade(here, &["reset", EXERCISE]);
    assert!(code == Some(0) && said.contains("is kept as"), "{said}");
    assert_eq!(names_in(&exercises), ["bounded-queue.1.rs", "bounded-queue.rs"]);
    assert_eq!(fs::read_to_string(&mine).unwrap(), file_of(EXERCISE, "starter.rs"));
    // As any other file that is made here, so that others may read what they could read before.
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&mine), mode(&exercises.join("bounded-queue.1.rs")));
    // What is kept is not written over, be it a link that leads nowhere.
    let kept = exercises.join("bounded-queue.2.rs");
    std::os::unix::fs::symlink("nowhere", &kept).unwrap();
    fs::write(&mine, "// Mine again.\n").unwrap();
    assert_eq!(grade(here, &["reset", EXERCISE]).0, Some(0));
    assert!(kept.is_symlink());
    let kept = fs::read_to_string(exercises.join("bounded-queue.3.rs")).unwrap();
    assert_eq!(kept, "// Mine again.\n");
}

/// A pipe has no end, and nobody writes to it.
#[test]
fn what_is_no_plain_file_holds_no_command_up() {
    for (name, arguments, expected) in [
        ("exercises/bounded-queue.rs", ["reset", EXERCISE], (Some(0), "")),
        (".grade/progress.json", ["hint", EXERCISE], (Some(1), "is not a plain file")),
        (".grade/progress.lock", ["hint", EXERCISE], (Some(0), "This is not remembered: ")),
        (".grade/progress.new", ["hint", EXERCISE], (Some(0), "")),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join(name);
        fs::create_dir_all(pipe.parent().unwrap()).unwrap();
        mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
        let mut command = command(directory.path());
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = Watching(command.spawn().unwrap());
        wait_until(&format!("it ends beside {name}"), || child.0.try_wait().unwrap().is_some());
        let status = child.0.wait().unwrap();
        let mut errors = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert!(status.code() == expected.0 && errors.contains(expected.1), "{name}: {errors}");
        let remembered = directory.path().join(".grade/progress.json").is_file();
        assert_eq!(remembered, expected.1.is_empty(), "{name}: {errors}");
    }
}

/// A grader that may not write to what is read-only, which root else may.
fn bound(directory: &Path) -> Command {
    const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
    let mut command = command(directory);
    if geteuid().is_root() {
        // SAFETY: between fork and exec only one system call is made.
        unsafe {
            command.pre_exec(|| {
                match libc::prctl(libc::PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
    }
    command
}

#[test]
fn a_verdict_that_cannot_be_remembered_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let progress = here.join(".grade");
    for part in [&progress, &here.join("exercises")] {
        fs::create_dir(part).unwrap();
    }
    fs::set_permissions(&progress, PermissionsExt::from_mode(0o555)).unwrap();
    let not_remembered = |arguments: &[&str], expected: i32, why: &str| {
        let output = bound(here).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {said}{errors}");
        let sentences = errors.lines().filter(|line| line.contains("This is not remembered: "));
        let sentences: Vec<&str> = sentences.collect();
        assert!(matches!(sentences[..], [one] if one.contains(why)), "{arguments:?}: {errors}");
        said
    };
    let denied = "Permission denied";
    not_remembered(&[EXERCISE], 1, denied);
    let mine = here.join("exercises/bounded-queue.rs");
    fs::write(&mine, file_of(EXERCISE, "solution.rs")).unwrap();
    assert!(not_remembered(&[EXERCISE], 0, denied).contains("passed, 15 of 15 points"));
    assert!(not_remembered(&["hint", EXERCISE], 0, denied).starts_with("Hint 1"));

    let pty = terminal();
    let mut watching = watch_by(bound(here), &pty);
    let mut keyboard = File::from(pty.master.try_clone().unwrap());
    let mut screen = Screen::of(File::from(pty.master));
    screen.wait_for("passed, 15 of 15 points");
    screen.wait_for("This is not remembered: ");
    screen.wait_for("n goes on to what is next");
    for hint in ["Hint 1 of 3:", "Hint 2 of 3:"] {
        screen.wait_for("Keys: ");
        keyboard.write_all(b"h").unwrap();
        screen.wait_for(hint);
        screen.wait_for("This is not remembered: ");
    }
    screen.wait_for("Keys: ");
    keyboard.write_all(b"q").unwrap();
    assert_eq!(watching.0.wait().unwrap().code(), Some(0));
    assert_eq!(names_in(&progress), [""; 0]);

    not_remembered(&["reset", EXERCISE], 0, denied);
    assert_eq!(fs::read_to_string(&mine).unwrap(), file_of(EXERCISE, "starter.rs"));
    // Nor where there is no directory at all.
    fs::remove_dir(&progress).unwrap();
    fs::write(&progress, "").unwrap();
    fs::write(&mine, file_of(EXERCISE, "solution.rs")).unwrap();
    not_remembered(&[EXERCISE], 0, "File exists");
}

/// A checkout that was copied, with the grader that Cargo has built in it, or in neither of two.
#[test]
fn exercises_are_those_of_the_checkout_that_runs() {
    let directory = tempfile::tempdir().unwrap();
    let checkout = |name: &str, exercise: &str| {
        let at = directory.path().join(name);
        let exercises = at.join("crates/exercises").join(exercise);
        for part in [&exercises, &at.join("crates/grader"), &at.join("target/grade")] {
            fs::create_dir_all(part).unwrap();
        }
        fs::write(at.join("crates/grader/Cargo.toml"), "").unwrap();
        for file in ["exercise.toml", "hints.md"] {
            fs::write(exercises.join(file), file_of(exercise, file)).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_grader"), at.join("target/grade/grader")).unwrap();
        at
    };
    let (one, other) = (checkout("one", "reap"), checkout("other", "pipeline"));
    let run = |program: &Path, by_cargo: Option<&Path>, arguments: &[&str]| {
        let mut command = Command::new(program.join("target/grade/grader"));
        command.args(arguments).current_dir("/").env_remove("CARGO_MANIFEST_DIR");
        command.env("CARGO_PKG_NAME", "grader").env_remove("GRADE_DIR");
        if let Some(checkout) = by_cargo {
            command.env("CARGO_MANIFEST_DIR", checkout.join("crates/grader"));
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
    };
    let (of_one, of_other) = (run(&one, None, &[]), run(&other, None, &[]));
    assert!(of_one.contains("reap") && !of_one.contains("pipeline"), "{of_one}");
    assert!(of_other.contains("pipeline") && !of_other.contains("reap"), "{of_other}");
    // Two checkouts share what is built: Cargo says which one is meant.
    let said = run(&one, Some(&other), &[]);
    assert!(said.contains("pipeline") && !said.contains("reap"), "{said}");
    let said = run(&other, None, &["hint", "pipeline"]);
    assert!(said.starts_with("Hint 1"), "{said}");
    assert!(other.join(".grade/progress.json").exists() && !one.join(".grade").exists());
    let moved = directory.path().join("moved");
    fs::rename(&one, &moved).unwrap();
    assert!(run(&moved, None, &["hint", "reap"]).starts_with("Hint 1"));
    assert!(moved.join(".grade/progress.json").exists());
}

#[test]
fn the_list_fits_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    for (width, titled) in [("60", false), ("100", true)] {
        let output = command(directory.path()).env("COLUMNS", width).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let longest = said.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= width.parse().unwrap(), "{said}");
        assert_eq!(said.contains("Parallel sum"), titled, "{said}");
    }
}

#[test]
fn what_is_not_allowed_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("unsafe.rs");
    let source =
        file_of("semaphore", "solution.rs") + "fn f() { unsafe { std::hint::black_box(()) } }";
    fs::write(&file, source).unwrap();
    let (code, said, _) = grade(directory.path(), &["semaphore", "--file", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.ends_with("\nThis exercise is to be solved without unsafe code.\n"), "{said}");
}

/// A thread that asks a lock again and again takes thousands of steps, which no report can hold.
#[test]
fn a_thread_that_asks_for_ever_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let wrong = file_of("semaphore", "wrong/spins.rs");
    let asks = wrong.replace("std::thread::yield_now();", "");
    assert_ne!(wrong, asks);
    let file = directory.path().join("asks.rs");
    fs::write(&file, asks).unwrap();
    let (code, said, _) = grade(directory.path(), &["semaphore", "--file", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("[livelock]") && !said.contains("[forged]"), "{said}");
    assert!(said.contains(" times in a row)"), "{said}");
    let replay = said.lines().find_map(|line| line.split("--replay ").nth(1)).unwrap();
    let arguments = ["semaphore", "--file", file.to_str().unwrap(), "--replay", replay];
    let (code, again, _) = grade(directory.path(), &arguments);
    assert_eq!(code, Some(1), "{again}");
    assert!(again.contains("[livelock]"), "{again}");
}

#[test]
fn watching_prints_where_there_is_no_screen_and_gives_the_terminal_back() {
    let directory = tempfile::tempdir().unwrap();
    let pty = terminal();
    let before = tcgetattr(&pty.slave).unwrap();
    let mut watching = watch(directory.path(), &pty);
    let mut keyboard = File::from(pty.master.try_clone().unwrap());
    let mut screen = Screen::of(File::from(pty.master));

    screen.wait_for("not yet, 0 of 15 points");
    screen.wait_for("Keys: ");
    let mine = directory.path().join("exercises/bounded-queue.rs");
    // The first judgement is not yet over when the second save ends it.
    fs::write(&mine, file_of(EXERCISE, "wrong/close-drops-items.rs")).unwrap();
    screen.wait_for("Judging");
    fs::write(&mine, file_of(EXERCISE, "solution.rs")).unwrap();
    screen.wait_for("passed, 15 of 15 points");
    screen.wait_for("n goes on to what is next");
    keyboard.write_all(b"h").unwrap();
    screen.wait_for("Hint 1 of 3:");
    keyboard.write_all(b"lbound").unwrap();
    screen.wait_for("passed   15/15");
    screen.wait_for("Search: bound_ (1 of 16)");
    keyboard.write_all(b"\n").unwrap();
    screen.wait_for("passed, 15 of 15 points");
    assert!(!tcgetattr(&pty.slave).unwrap().local_flags.contains(LocalFlags::ICANON));
    keyboard.write_all(b"q").unwrap();
    assert_eq!(watching.0.wait().unwrap().code(), Some(0));
    assert_eq!(tcgetattr(&pty.slave).unwrap(), before, "the terminal is as it was");
    screen.wait_for("1 of 16 exercises are passed.");
    assert!(!screen.seen.contains('\x1b'), "{}", screen.seen);
}

#[test]
fn watching_ends_with_its_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let pty = terminal();
    let mut watching = watch(directory.path(), &pty);
    let mut screen = File::from(pty.master);
    assert!(screen.read(&mut [0; 16]).unwrap() > 0);
    drop(screen);
    // It notices by reading, or by printing, whichever it does first.
    let code = watching.0.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
}

#[test]
fn a_terminal_that_only_prints_gets_no_colours() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, end) in [
        (&[EXERCISE][..], "Stuck? cargo grade hint"),
        (&["list"], "Stuck?  "),
        (&["--bogus"], "--help"),
    ] {
        let pty = terminal();
        let mut command = command(directory.path());
        command.args(arguments);
        let mut printing = on_terminal(command, &pty);
        let mut screen = Screen::of(File::from(pty.master));
        screen.wait_for(end);
        printing.0.wait().unwrap();
        assert!(!screen.seen.contains('\x1b'), "{}", screen.seen);
    }
}

/// A terminal that the programs which it shows do not hold open from its other side.
#[test]
fn playing_by_keys_gives_the_terminal_back() {
    let directory = tempfile::tempdir().unwrap();
    let pty = terminal();
    let before = tcgetattr(&pty.slave).unwrap();
    let play = || {
        let mut command = command(directory.path());
        command.args([EXERCISE, "--play", "nothing-lost"]);
        on_terminal(command, &pty)
    };
    let mut playing = play();
    let mut keyboard = File::from(pty.master.try_clone().unwrap());
    let mut screen = Screen::of(File::from(pty.master.try_clone().unwrap()));
    screen.wait_for("nothing-lost: at the beginning");
    screen.wait_for("q quit");
    assert!(!tcgetattr(&pty.slave).unwrap().local_flags.contains(LocalFlags::ICANON));
    // A key, an arrow to the left and one to the right.
    for (keys, position) in [
        ("2", "nothing-lost: after 1 step"),
        ("\x1b[D", "nothing-lost: at the beginning of 1 step"),
        ("\x1b[C", "nothing-lost: after 1 step"),
        ("z", "There is no such key"),
    ] {
        keyboard.write_all(keys.as_bytes()).unwrap();
        screen.wait_for(position);
        screen.wait_for("q quit");
    }
    keyboard.write_all(b"q").unwrap();
    assert!(playing.0.wait().unwrap().success());
    assert_eq!(tcgetattr(&pty.slave).unwrap().local_flags, before.local_flags);

    // Also if a signal ends it.
    let mut playing = play();
    screen.wait_for("q quit");
    // SAFETY: it only sends a signal to a child of this process.
    unsafe { libc::kill(playing.0.id() as i32, libc::SIGTERM) };
    assert_eq!(playing.0.wait().unwrap().code(), Some(128 + libc::SIGTERM));
    assert_eq!(tcgetattr(&pty.slave).unwrap().local_flags, before.local_flags);
}

fn terminal() -> OpenptyResult {
    let pty = openpty(None, None).unwrap();
    for end in [&pty.master, &pty.slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    }
    pty
}

/// A grader that watches, killed at the end of the test if it has not ended by itself.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn watch(directory: &Path, pty: &OpenptyResult) -> Watching {
    watch_by(command(directory), pty)
}

fn watch_by(mut command: Command, pty: &OpenptyResult) -> Watching {
    command.args(["--watch", EXERCISE]);
    on_terminal(command, pty)
}

fn on_terminal(mut command: Command, pty: &OpenptyResult) -> Watching {
    let slave = || Stdio::from(pty.slave.try_clone().unwrap());
    command.env("TERM", "dumb");
    for name in ["NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.stdin(slave()).stdout(slave()).stderr(slave());
    Watching(command.spawn().unwrap())
}

/// Every command that prints. A verdict is remembered also if nobody reads it.
#[test]
fn output_that_cannot_be_written_ends_a_command_and_is_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let class = here.join("class");
    fs::create_dir_all(class.join("ann")).unwrap();
    fs::write(class.join("ann/reap.rs"), "no Rust").unwrap();
    let paths = [class.clone(), class.join("ann"), here.join("results")];
    let [class, ann, results] = paths.each_ref().map(|path| path.to_str().unwrap());
    let made = ["never-begun", "handed-out"].map(|name| here.join(name));
    let commands: [&[&str]; 13] = [
        &[],
        &["--help"],
        &[EXERCISE],
        &["hint", EXERCISE],
        &["solution", EXERCISE],
        &["solution", EXERCISE, "--give-up"],
        &["reset", EXERCISE],
        &["doctor"],
        // As it does with all of them, it prints a table at the end.
        &["verify", EXERCISE, "--share", "1000"],
        &["submission", ann],
        &["batch", class, "--out", results],
        &["new", "never-begun", "--in", here.to_str().unwrap()],
        &["handout", made[1].to_str().unwrap(), "--exercise", "reap"],
    ];
    for arguments in commands {
        let run = |stdout: Stdio| {
            for path in &made {
                let _ = fs::remove_dir_all(path);
            }
            let output = command(here).args(arguments).stdout(stdout).output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            let about = |line: &&str| !line.starts_with("Building what the exercises");
            let errors: Vec<String> = errors.lines().filter(about).map(str::to_owned).collect();
            (output.status.code(), errors)
        };
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(writer.into()), (Some(1), vec![]), "{arguments:?}, which nobody reads");
        let full = File::create("/dev/full").unwrap();
        let said = "grade: standard output: No space left on device (os error 28)".to_owned();
        assert_eq!(run(full.into()), (Some(1), vec![said]), "{arguments:?} on a full disk");
    }
    let (_, said, _) = grade(here, &[]);
    assert!(said.contains("bounded-queue    not yet"), "{said}");

    let full = File::create("/dev/full").unwrap();
    let status = command(here).arg("bounded-que").stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(2), "errors that nobody is told");
}

/// What a program shows, read as it comes.
struct Screen {
    more: mpsc::Receiver<String>,
    unread: String,
    seen: String,
}

impl Screen {
    fn of(mut terminal: File) -> Screen {
        let (to, more) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = terminal.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if length == 0 || to.send(text).is_err() {
                    return;
                }
            }
        });
        Screen { more, unread: String::new(), seen: String::new() }
    }

    /// Reads up to the end of these words.
    fn wait_for(&mut self, words: &str) {
        loop {
            if let Some(at) = self.unread.find(words) {
                self.unread.drain(..at + words.len());
                return;
            }
            match self.more.recv_timeout(watchdog::LIMIT) {
                Ok(more) => {
                    self.unread.push_str(&more);
                    self.seen.push_str(&more);
                }
                Err(error) => panic!("waiting for {words:?}: {error}; seen: {}", self.unread),
            }
        }
    }
}

#[test]
fn doctor_tries_out_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said, error) = grade(directory.path(), &["doctor"]);
    let tried: Vec<&str> = said.lines().skip_while(|it| *it != "Tried out:").skip(1).collect();
    let prevented = tried.iter().filter(|line| line.contains(": prevented: ")).count();
    let isolated = prevented == 3 && !said.contains("Missing:");
    assert_eq!((tried.len(), code), (4, Some(i32::from(!isolated))), "{said}{error}");
    let without = ["doctor", "--without", "Landlock", "--without", "seccomp"];
    let (code, said, error) = grade(directory.path(), &without);
    assert_eq!(code, Some(1), "{said}{error}");
    assert!(said.contains("\n  Landlock: not wanted\n"), "{said}");
    assert!(!Path::new("/var/tmp/grade-was-here").exists());
}

/// Cargo and rustup say with variables which compiler they have chosen; by hand, there are none.
#[test]
fn libraries_are_built_once_whoever_starts_the_grader() {
    let directory = tempfile::tempdir().unwrap();
    let sysroot = |variables: &[(&str, Option<&str>)]| {
        let mut rustc = Command::new("rustc");
        let output = with(&mut rustc, variables).args(["--print", "sysroot"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let chosen = sysroot(&[]);
    let compiler = format!("{chosen}/bin/rustc");
    let ways: [&[(&str, Option<&str>)]; 4] = [
        &[],
        &[("RUSTC", Some(&compiler))],
        &[("RUSTUP_TOOLCHAIN", Some(&chosen))],
        &[("RUSTUP_TOOLCHAIN", None), ("CARGO", None), ("RUSTC", None)],
    ];
    // Another compiler may be the usual one here than the one of this test.
    for way in ways.iter().filter(|way| sysroot(way) == chosen) {
        let mut command = command(directory.path());
        let output = with(&mut command, way).arg(EXERCISE).current_dir("/").output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{way:?}: {errors}");
        assert!(way.is_empty() || !errors.contains("Building"), "{way:?}: {errors}");
    }
}

/// A grader that has a place of its own for what it builds, and a Cargo that takes its time before it
/// builds, or finds, it in the usual place.
#[test]
fn what_is_built_once_is_no_time_of_the_first_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("target");
    fs::create_dir_all(target.join("debug")).unwrap();
    fs::write(target.join("CACHEDIR.TAG"), "").unwrap();
    let grader = target.join("debug/grader");
    fs::copy(env!("CARGO_BIN_EXE_grader"), &grader).unwrap();
    let usual = Path::new(env!("CARGO_BIN_EXE_grader")).ancestors().nth(2).unwrap();
    let cargo = directory.path().join("cargo");
    let takes_its_time = format!(
        "#!/bin/sh
        for given; do
            shift
            if [ \"$given\" = '{}' ]; then given='{}'; fi
            set -- \"$@\" \"$given\"
        done
        sleep {BUILDING}
        exec '{}' \"$@\"",
        target.display(),
        usual.display(),
        env!("CARGO"),
    );
    fs::write(&cargo, takes_its_time).unwrap();
    fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).unwrap();
    let begun = Instant::now();
    let mut command = Command::new(&grader);
    command.env("GRADE_DIR", directory.path()).env("CARGO", &cargo).stdin(Stdio::null());
    let output = command.arg("reap").output().unwrap();
    let took = begun.elapsed().as_secs_f64();
    let [said, errors] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    assert!(errors.contains("this is done once"), "{errors}");
    let shown = said.trim_end().strip_suffix(" s.").and_then(|it| it.rsplit(' ').next());
    let shown: f64 = shown.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("{said}"));
    assert!(
        shown < took - f64::from(BUILDING),
        "{shown} s of {took} s, of which the build is one part"
    );
}

/// How long it takes at the least to build what is built once, in seconds.
const BUILDING: u8 = 2;

/// As it does if it may not make a thread.
#[test]
fn a_compiler_that_breaks_down_is_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let compiler = directory.path().join("rustc");
    let breaks = "#!/bin/sh
        echo \"thread 'rustc' (4) panicked at jobserver.rs:1:2:\" >&2
        echo 'failed to create helper thread: Os { code: 11, kind: WouldBlock }' >&2
        echo 'stack backtrace:' >&2
        exit 101";
    fs::write(&compiler, breaks).unwrap();
    fs::set_permissions(&compiler, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = command(directory.path());
    let output = command.arg(EXERCISE).env("RUSTC", &compiler).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(
        errors,
        "grade: rustc: it may have no more processes or threads (ulimit -u, or pids.max of a container)\n"
    );
}

fn with<'a>(command: &'a mut Command, variables: &[(&str, Option<&str>)]) -> &'a mut Command {
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// The verdict in the book is one that the grader gives: the same schedule is told in the same words.
#[test]
fn the_verdict_in_the_book_is_what_the_grader_says() {
    let told = |text: &str| -> Vec<String> {
        let from = text.lines().skip_while(|line| *line != "close-wakes-all: deadlock");
        from.take_while(|line| !line.contains("The same again")).map(str::to_owned).collect()
    };
    let book = include_str!("verdict.txt");
    let replay = book.lines().find_map(|line| line.split("--replay ").nth(1)).unwrap();
    let wrong = format!(
        "{}/../exercises/bounded-queue/wrong/flag-outside-the-lock.rs",
        env!("CARGO_MANIFEST_DIR")
    );
    let directory = tempfile::tempdir().unwrap();
    let arguments = [EXERCISE, "--file", &wrong, "--replay", replay];
    let (code, said, error) = grade(directory.path(), &arguments);
    assert_eq!(code, Some(1), "{error}");
    assert_eq!(told(&said), told(book));
}
