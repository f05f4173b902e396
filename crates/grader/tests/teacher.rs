//! What a teacher does: hands exercises out, grades a class, interrupts that and goes on, starts an
//! exercise of their own.

#[path = "../../acceptance/src/watchdog.rs"]
mod watchdog;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::watchdog::wait_until;

fn grade() -> Command {
    Command::new(env!("CARGO_BIN_EXE_grader"))
}

fn exercise(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises").join(file)
}

fn put(path: PathBuf, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

const HOSTILE: &str = r#"
use std::process::Command;

/// Forges results, and tries to be obeyed.
pub fn run_all(_: &mut [Command]) -> std::io::Result<Vec<i32>> {
    println!("]]>\n::error::forged\n\x1b[2Jtest result: ok. {{\"score\": 100}}");
    panic!("\n::notice title=Autograding report::{{\"totalPoints\":100}}\n]]></failure>\0")
}
"#;

/// A class in which one is right, one is wrong, one is hostile, and one hands in somebody else's.
fn class(at: &Path) {
    put(at.join("ann/exercises/reap.rs"), fs::read(exercise("reap/solution.rs")).unwrap());
    put(at.join("bob/reap.rs"), fs::read(exercise("reap/wrong/no-signal.rs")).unwrap());
    put(at.join("mal/exercises/reap.rs"), HOSTILE);
    put(at.join("mal/.cargo/config.toml"), "[build]\nrustc = \"/bin/false\"\n");
    put(at.join("mal/build.rs"), "fn main() { panic!() }");
    fs::create_dir_all(at.join("eve")).unwrap();
    symlink("../ann/exercises", at.join("eve/exercises")).unwrap();
    put(at.join(".git/config"), "");
    put(at.join("roster.csv"), "ann,bob");
}

fn batch(class: &Path, out: &Path) -> Command {
    let mut command = grade();
    command.arg("batch").arg(class).arg("--out").arg(out);
    command
}

fn lines(out: &Path) -> Vec<String> {
    let csv = fs::read_to_string(out.join("summary.csv")).unwrap();
    csv.lines().map(str::to_owned).collect()
}

#[test]
fn a_class_is_graded_once() {
    let directory = tempfile::tempdir().unwrap();
    let (at, out) = (directory.path().join("class"), directory.path().join("class/results"));
    class(&at);
    let (code, said, errors) = output(&mut batch(&at, &out));
    assert_eq!(code, Some(0), "{said}{errors}");
    assert!(said.contains("4 judged, 0 kept"), "{said}");
    assert!(errors.contains("roster.csv is left out"), "{errors}");
    let expected = [
        "submission,state,points,possible,reap,findings",
        "ann,judged,17,17,17,",
        "bob,judged,15,17,15,reap: wrong (signals)",
        "eve,judged,0,17,0,\"reap: refused (exercises is a symbolic link, or no directory.)\"",
        "mal,judged,0,17,0,reap: panic (codes)",
    ];
    assert_eq!(lines(&out), expected);
    let text = fs::read_to_string(out.join("mal.txt")).unwrap();
    assert!(text.starts_with("== reap: Reap every child\n"), "{text}");
    assert!(text.ends_with("\nmal: 0 of 17 points.\n"), "{text}");
    assert!(text.contains(": :notice") && text.contains("\\u{1b}[2J"), "{text}");

    // Nothing has changed, so nothing is judged; then one hands in anew.
    let (_, said, _) = output(&mut batch(&at, &out));
    assert!(said.contains("0 judged, 4 kept"), "{said}");
    put(at.join("bob/reap.rs"), "not rust");
    let (code, said, _) = output(&mut batch(&at, &out));
    assert!(code == Some(0) && said.contains("1 judged, 3 kept"), "{said}");
    assert_eq!(
        lines(&out)[2],
        "bob,judged,0,17,0,\"reap: compile (error: expected one of `!` or `::`, found `rust`)\""
    );

    let (code, _, errors) = output(&mut batch(&at, &at));
    assert!(code == Some(2) && errors.contains("a directory of their own"), "{errors}");

    // A submission that cannot be judged costs only itself.
    fs::remove_file(out.join("ann.json")).unwrap();
    fs::create_dir(out.join("ann.json")).unwrap();
    let (code, said, errors) = output(&mut batch(&at, &out));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("3 kept from before, 1 not judged"), "{said}");
    assert!(errors.contains("ann: not judged"), "{errors}");
    assert!(lines(&out)[1].starts_with("ann,error,,17,,"), "{:?}", lines(&out));
}

/// Processes that were started from here with this word in their command line.
fn processes_with(word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(word) {
            found.push(command);
        }
    }
    found
}

#[test]
fn an_interrupted_batch_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let (at, out) = (directory.path().join("class"), directory.path().join("results"));
    for name in ["a", "b", "c"] {
        put(at.join(name).join("reap.rs"), fs::read(exercise("reap/solution.rs")).unwrap());
    }
    let mut first = batch(&at, &out).args(["--jobs", "1"]).stdout(Stdio::null()).spawn().unwrap();
    let whole = |name: &str| {
        let report = fs::read(out.join(name)).unwrap_or_default();
        serde_json::from_slice::<Value>(&report).is_ok()
    };
    while !(whole("a.json") && out.join("b.json").exists()) {
        assert!(first.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
        std::thread::sleep(Duration::from_millis(5));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let word = directory.path().to_str().unwrap();
    wait_until("nothing is left of it", || processes_with(word).is_empty());
    let judged = ["a.json", "b.json", "c.json"].iter().filter(|name| whole(name)).count();
    assert!(judged < 3, "it was interrupted too late to show anything");

    let (code, said, errors) = output(&mut batch(&at, &out));
    assert_eq!(code, Some(0), "{said}{errors}");
    assert!(said.contains(&format!("{} judged, {judged} kept", 3 - judged)), "{said}");
    assert_eq!(lines(&out)[1..], ["a", "b", "c"].map(|name| format!("{name},judged,17,17,17,")));
}

#[test]
fn one_submission_is_reported_in_every_format() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    class(at);
    let both = ["--exercise", "reap", "--exercise", "bounded-queue"];
    let report = |name: &str, format: &str| {
        let out = at.join("report");
        let mut command = grade();
        command.arg("submission").arg(at.join(name)).args(both).args(["--format", format]);
        let (code, said, errors) = output(command.arg("--out").arg(&out));
        assert!(code == Some(1) && said.is_empty(), "a file is missing: {said}{errors}");
        fs::read_to_string(out).unwrap()
    };
    let json: Value = serde_json::from_str(&report("ann", "json")).unwrap();
    assert_eq!((&json["points"], &json["possible"]), (&17.into(), &32.into()));
    assert_eq!(json["exercises"][1]["state"], "missing");
    let results: Value = serde_json::from_str(&report("mal", "gradescope")).unwrap();
    assert_eq!(results["score"], 0);
    let xml = report("mal", "junit");
    let document = roxmltree::Document::parse(&xml).unwrap();
    let failures = document.descendants().filter(|node| node.has_tag_name("failure"));
    assert!(failures.count() > 5, "{xml}");
    let text = report("mal", "text");
    assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
    let line = report("mal", "github");
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    assert!(line.trim_end().chars().all(base64), "{line}");
}

#[test]
fn a_file_that_is_asked_for_and_missing_is_a_failure_of_the_submission() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = grade();
    command.arg("submission").arg(directory.path()).args(["--exercise", "reap"]);
    let (code, said, errors) = output(&mut command);
    assert_eq!(code, Some(1), "{said}{errors}");
}

#[test]
fn a_new_exercise_is_proved_before_it_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let within = ["--in", directory.path().to_str().unwrap()];
    let (code, said, errors) = output(grade().args(["new", "first-try"]).args(within));
    assert_eq!(code, Some(0), "{said}{errors}");
    let (code, said, errors) = output(grade().args(["verify", "first-try"]).args(within));
    assert_eq!(code, Some(0), "{said}{errors}");
    assert!(said.contains("Of 5 wrong variants, 5 are killed"), "{said}");

    // A mistake in the checks is said once, and not as one of each submission.
    let exercise = directory.path().join("first-try");
    let checks = fs::read_to_string(exercise.join("checks.rs")).unwrap();
    put(exercise.join("checks.rs"), checks.replace("counter.total()", "counter.totl()"));
    let (code, said, errors) = output(grade().args(["verify", "first-try"]).args(within));
    assert_eq!(code, Some(1), "{said}{errors}");
    assert!(said.contains("neither starter.rs nor solution.rs compiles"), "{said}");
    assert!(said.contains("totl") && !said.contains("wrong/lost-update.rs"), "{said}");
    put(exercise.join("checks.rs"), checks);

    // A variant that is right after all, and a finding that there is not.
    let wrong = exercise.join("wrong/lost-update.rs");
    let variant = fs::read(&wrong).unwrap();
    fs::copy(exercise.join("solution.rs"), &wrong).unwrap();
    let description = fs::read_to_string(exercise.join("exercise.toml")).unwrap();
    put(exercise.join("exercise.toml"), description.replace("\"deadlock\"", "\"dedlock\""));
    let (code, said, errors) = output(grade().args(["verify", "first-try"]).args(within));
    assert_eq!(code, Some(1), "{said}{errors}");
    assert!(said.contains("WRONG wrong/lost-update.rs should be caught by nothing-lost"), "{said}");
    assert!(said.contains("keeps-the-lock: no finding is called \"dedlock\""), "{said}");
    put(wrong, variant);
    put(exercise.join("exercise.toml"), &description);

    // A starter that only loses updates has most of the work behind it.
    fs::copy(exercise.join("wrong/lost-update.rs"), exercise.join("starter.rs")).unwrap();
    let generous = description.replace(
        "check = \"one-thread\"\nfinding = \"wrong\"\nwhy = \"It",
        "check = \"nothing-lost\"\nfinding = \"wrong\"\nwhy = \"It",
    );
    put(exercise.join("exercise.toml"), generous.replacen("points = 1", "points = 2", 1));
    let (code, said, errors) = output(grade().args(["verify", "first-try"]).args(within));
    assert_eq!(code, Some(1), "{said}{errors}");
    assert!(said.contains("WRONG the starter earns more than 1 of 6 points"), "{said}");
}

/// Files below a directory, relative to it.
fn files(at: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![at.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            if entry.path().is_dir() {
                directories.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(at).unwrap().to_owned());
            }
        }
    }
    found
}

/// Makes a directory the same as another one. A file that is the same already is left alone: to Cargo,
/// what was written anew is new.
fn becomes(at: &Path, new: &Path) {
    fs::create_dir_all(at).unwrap();
    let wanted = files(new);
    for file in files(at).iter().filter(|file| !wanted.contains(file)) {
        fs::remove_file(at.join(file)).unwrap();
    }
    for file in wanted {
        let text = fs::read(new.join(&file)).unwrap();
        if fs::read(at.join(&file)).ok().as_ref() != Some(&text) {
            put(at.join(file), text);
        }
    }
}

/// What of a library's, or of what it stands on, is not there when the grader is: a learner waits for it.
fn built_again(handout: &Path, library: &str) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--profile", "grade", "--package", library]).current_dir(handout);
    cargo.args(["--message-format", "json"]);
    let (code, said, errors) =
        output(cargo.env("CARGO_TARGET_DIR", handout.with_file_name("handout-target")));
    assert_eq!(code, Some(0), "{errors}");
    let messages = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let new = messages.filter(|it| it["fresh"] == false);
    new.map(|it| it["target"]["name"].to_string()).collect()
}

/// The autograder's script at work in a handout, with its directories elsewhere.
fn gradescope_gets_results(handout: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/gradescope");
    let script = fs::read_to_string(script.join("run_autograder")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (submission, results) = (directory.path().join("handed-in"), directory.path().join("out"));
    put(submission.join("rep.rs"), "a file of another name");
    let lines = script.lines().filter(|line| !line.contains("CARGO_HOME"));
    let script = lines.collect::<Vec<_>>().join("\n");
    let script = script.replace("/autograder/source", handout.to_str().unwrap());
    let script = script.replace("/autograder/submission", submission.to_str().unwrap());
    let script = script.replace("/autograder/results/results.json", results.to_str().unwrap());
    let run = || {
        let mut bash = Command::new("bash");
        bash.args(["-c", &script])
            .env("CARGO_TARGET_DIR", handout.with_file_name("handout-target"));
        let (code, said, errors) = output(&mut bash);
        assert_eq!(code, Some(0), "{said}{errors}");
        serde_json::from_slice::<Value>(&fs::read(&results).unwrap()).unwrap()
    };
    let found = run();
    assert_eq!((&found["score"], &found["output"]), (&0.into(), &"0 of 17 points.".into()));
    put(submission.join("reap.rs"), fs::read(exercise("reap/solution.rs")).unwrap());
    assert_eq!(run()["score"], 17);
}

/// Classroom 50's runner at work: its environment, the checkout, the autograder beside its image.
fn classroom50(image: &Path, checkout: &Path, rustc: Option<&str>) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/classroom50");
    let script = fs::read_to_string(script.join("autograder.py")).unwrap();
    let script = script.replace("/opt/grader", image.to_str().unwrap());
    let mut python = Command::new("python3");
    python.args(["-c", &script]).current_dir(checkout);
    let url = "https://example.org/ann";
    python.envs([("CLASSROOM", "systems"), ("ASSIGNMENT", "reap"), ("OWNER", "ann")]);
    python.envs([("ASSIGNMENT_TYPE", "individual"), ("SUBMISSION_TAG", "submit/1")]);
    python.envs([("COMMIT_URL", url), ("RELEASE_URL", url), ("REVIEW_URL", url)]);
    if let Some(rustc) = rustc {
        python.env("RUSTC", rustc);
    }
    let (code, said, errors) = output(&mut python);
    (code, said + &errors)
}

#[test]
fn classroom50_gets_a_result_unless_the_grader_fails() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    put(image.join("exercises/reap.rs"), "");
    fs::create_dir_all(image.join("target/grade")).unwrap();
    symlink(env!("CARGO_BIN_EXE_grader"), image.join("target/grade/grader")).unwrap();
    let (right, wrong) = (directory.path().join("right"), directory.path().join("wrong"));
    put(right.join("exercises/reap.rs"), fs::read(exercise("reap/solution.rs")).unwrap());
    put(wrong.join("reap.rs"), fs::read(exercise("reap/wrong/no-signal.rs")).unwrap());
    // What the learner pushed under the name of the result is not taken for one.
    put(wrong.join("result.json/x"), "{\"score\": 100}");
    put(wrong.join("crates/exercises/reap/exercise.toml"), "not the exercise");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=ann", "-c", "user.email=ann@example.org"]);
        git.args(arguments).current_dir(&right).env("GIT_COMMITTER_DATE", "1787875259 +0200");
        let (code, said, errors) = output(&mut git);
        assert_eq!(code, Some(0), "{said}{errors}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "Reap"]);

    let result = |checkout: &Path| -> Value {
        let (code, said) = classroom50(&image, checkout, None);
        assert_eq!(code, Some(0), "{said}");
        serde_json::from_slice(&fs::read(checkout.join("result.json")).unwrap()).unwrap()
    };
    let found = result(&right);
    assert_eq!((&found["score"], &found["max-score"]), (&17.into(), &17.into()), "{found}");
    assert_eq!(found["datetime"], "2026-08-28T00:00:59Z", "the commit's time");
    let found = result(&wrong);
    assert_eq!((&found["score"], &found["max-score"]), (&15.into(), &17.into()), "{found}");
    assert_eq!((&found["owner"], &found["submission"]), (&"ann".into(), &"submit/1".into()));
    let body = fs::read_to_string(wrong.join("release-body.md")).unwrap();
    assert!(body.starts_with("15 of 17 points\n") && body.contains("not yet: reap/"), "{body}");

    let (code, said) = classroom50(&image, &right, Some("/nonexistent/rustc"));
    assert!(code == Some(1) && said.contains("the grader failed (3)"), "{code:?} {said}");
    assert!(!right.join("result.json").exists(), "an error of the grader is not 0 points");
}

#[test]
fn gradescope_is_told_where_the_grader_fails() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at.join("exercises/reap.rs"), "");
    // In the place of the grader, something that ends as it is told.
    put(at.join("bin/cargo"), "#!/bin/sh\necho {} > results\nexit $STATUS\n");
    fs::set_permissions(at.join("bin/cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/gradescope");
    let script = fs::read_to_string(script.join("run_autograder")).unwrap();
    let lines = script.lines().filter(|line| !line.contains("CARGO_HOME"));
    let script = lines.collect::<Vec<_>>().join("\n");
    let script = script.replace("/autograder/results/results.json", "results");
    let script = script.replace("/autograder/source", at.to_str().unwrap());
    let path = format!("{}:/usr/bin:/bin", at.join("bin").display());
    for (status, code) in [("0", 0), ("1", 0), ("2", 1), ("3", 1), ("101", 1)] {
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).env("PATH", &path).env("STATUS", status);
        let (ended, said, errors) = output(&mut bash);
        assert_eq!(ended, Some(code), "{status}: {said}{errors}");
    }
}

#[test]
fn a_file_of_another_name_is_named() {
    let directory = tempfile::tempdir().unwrap();
    put(directory.path().join("src/Reap (1).rs"), "");
    let mut command = grade();
    command.arg("submission").arg(directory.path()).args(["--exercise", "reap"]);
    let (code, said, errors) = output(&mut command);
    assert_eq!(code, Some(1), "{said}{errors}");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("There is src/Reap (1).rs. Hand in reap.rs"), "{said}");
    let (code, _, errors) = output(grade().arg("submission").arg(directory.path()));
    assert!(code == Some(2) && errors.contains("there is src/Reap (1).rs"), "{errors}");
}

/// As archives and editors leave them, and people name them.
#[test]
fn an_odd_class_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let (class, out) = (directory.path().join("class"), directory.path().join("results"));
    let starter = fs::read_to_string(exercise("reap/starter.rs")).unwrap();
    let wide = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let long = "x".repeat(255);
    fs::create_dir_all(class.join("empty")).unwrap();
    put(class.join("zip/zip/exercises/reap.rs"), &starter);
    put(class.join("zip/__MACOSX/zip/._reap.rs"), "\0\x05");
    put(class.join("name/Reap (1).rs.txt"), &starter);
    put(class.join("other/ann/notes.txt"), "done");
    put(class.join("utf16/reap.rs"), wide(&starter));
    put(class.join("=1+1/exercises\\reap.rs"), &starter);
    put(class.join("Jörg, new\nline/reap.rs"), "");
    put(class.join(&long).join("reap.rs"), "fn");
    put(class.join("late.zip"), "PK");
    let (code, said, errors) = output(batch(&class, &out).args(["--exercise", "reap"]));
    assert_eq!(code, Some(0), "{said}{errors}");
    assert!(said.contains("8 judged, 0 kept from before, 0 not judged"), "{said}");
    assert!(errors.contains("zip: there is no reap.rs, but zip/exercises/reap.rs"), "{errors}");
    let long = format!("{long},judged,0,17,0,\"reap: compile (");
    let expected = [
        "submission,state,points,possible,reap,findings",
        "'=1+1,missing,0,17,,reap: missing (there is exercises\\reap.rs)",
        "\"Jörg, new line\",judged,0,17,0,reap: compile (The file is empty.)",
        "empty,missing,0,17,,reap: missing",
        "name,missing,0,17,,reap: missing (there is Reap (1).rs.txt)",
        "other,missing,0,17,,reap: missing",
        "utf16,judged,0,17,0,\"reap: compile (The file is UTF-16 text. Save it as UTF-8, \
         and hand it in again.)\"",
        &long,
        "zip,missing,0,17,,reap: missing (there is zip/exercises/reap.rs)",
    ];
    let lines = lines(&out);
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\n{expected}");
    }
    let text = fs::read_to_string(out.join("other.txt")).unwrap();
    assert!(text.contains("There is ann/notes.txt. Hand in reap.rs"), "{text}");
    // Nothing is judged a second time, whatever its name is.
    let (_, said, _) = output(batch(&class, &out).args(["--exercise", "reap"]));
    assert!(said.contains("0 judged, 8 kept from before"), "{said}");
}

/// Root may read everything, unless it has no capabilities.
#[test]
fn what_the_grader_may_not_read_is_not_0_points() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("reap.rs");
    put(file.clone(), "");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = grade();
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command.pre_exec(|| {
            for capability in 0..64 {
                libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
            }
            Ok(())
        });
    }
    command.arg("submission").arg(directory.path()).args(["--format", "json"]);
    let (code, said, errors) = output(&mut command);
    assert!(code == Some(3) && errors.contains("reap.rs: Permission denied"), "{errors}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&report["points"], &report["exercises"][0]["state"]),
        (&Value::Null, &"error".into())
    );
}

#[test]
fn a_handout_builds_and_grades_and_gives_nothing_away() {
    // Always the same place, so that what was built there is built once.
    let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join("handout");
    let new = at.with_file_name("handout-new");
    let _ = fs::remove_dir_all(&new);
    let (code, said, errors) = output(grade().args(["handout", "--exercise", "reap"]).arg(&new));
    assert_eq!(code, Some(0), "{said}{errors}");
    becomes(&at, &new);
    for file in files(&at) {
        let given = file.starts_with("crates/exercises/reap") || file.starts_with("exercises");
        let name = file.file_name().unwrap().to_str().unwrap();
        let kept = ["checks.rs", "exercise.toml", "hints.md", "shim.rs", "starter.rs", "reap.rs"];
        assert!(!given || kept.contains(&name), "{} is handed out", file.display());
    }
    let description = fs::read_to_string(at.join("crates/exercises/reap/exercise.toml")).unwrap();
    assert!(!description.contains("[wrong."), "{description}");

    let grade = |arguments: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.arg("grade").args(arguments).current_dir(&at);
        cargo.env("CARGO_TARGET_DIR", at.with_file_name("handout-target"));
        output(&mut cargo)
    };
    let (code, said, errors) = grade(&[]);
    assert!(code == Some(0) && said.contains("reap"), "{said}{errors}");
    for library in ["driver", "proc"] {
        let built_again = built_again(&at, library);
        assert_eq!(built_again, [""; 0], "what {library} needs is built a second time");
    }
    let (code, said, errors) = grade(&["submission", "."]);
    assert!(code == Some(1) && said.contains("FAIL"), "the starter: {said}{errors}");
    put(at.join("exercises/reap.rs"), fs::read(exercise("reap/solution.rs")).unwrap());
    let (code, said, errors) = grade(&["submission", "."]);
    assert!(code == Some(0) && said.contains("17 of 17 points"), "{said}{errors}");
    gradescope_gets_results(&at);
    let (code, said, _) = grade(&["hint", "reap"]);
    assert!(code == Some(0) && said.contains("Hint 1 of 3"), "{said}");
    for arguments in
        [&["solution", "reap", "--give-up"][..], &["verify"], &["handout", "x"], &["new", "x"]]
    {
        let (code, said, errors) = grade(arguments);
        assert_ne!(code, Some(0), "{arguments:?}: {said}");
        assert!(errors.contains("this is a handout"), "{errors}");
    }
}
