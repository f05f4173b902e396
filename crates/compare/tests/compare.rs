//! The main job, as a user runs it.

use std::fs::File;
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn compare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare")).args(arguments).output().expect("compare starts")
}

#[test]
fn json_is_one_object_with_all_statements() {
    let output = compare(&["--json"]);
    assert!(output.status.success(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let claims = json["claims"].as_array().expect("claims").len();
    assert!(claims >= 70, "{claims}");
    let mut counts = json["counts"].as_object().unwrap().clone();
    let turned = counts.remove("turned").and_then(|turned| turned.as_u64());
    let counted: u64 = counts.values().filter_map(|n| n.as_u64()).sum();
    assert_eq!(counted, claims as u64);
    let with_a_break = json["claims"].as_array().unwrap().iter();
    let with_a_break = with_a_break.filter(|claim| claim["turned_by"] != serde_json::json!([]));
    assert_eq!(turned, Some(with_a_break.count() as u64));
    assert_eq!(json["counts"]["failed"], 0, "{json:#}");
    assert!(json["busy"]["share_of_others"].is_number(), "{}", json["busy"]);
    for row in json["rows"].as_array().expect("rows") {
        let ratio = &row["ratio"];
        assert!(ratio.is_null() || ratio["p10"].as_f64() <= ratio["p90"].as_f64(), "{row:#}");
        assert!(row["caveat"].as_str().expect("a caveat").chars().count() <= 60, "{row:#}");
    }
    for claim in json["claims"].as_array().unwrap() {
        assert_ne!(claim["because"], "", "{claim}");
    }
}

#[test]
fn the_table_is_what_the_book_shows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/transcript.txt");
    let text = std::fs::read_to_string(path).expect("transcript.txt");
    let recorded = acceptance::transcript::Transcript::parse(&text).expect("it is well formed");
    let output = compare(&[]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    // A busy machine is said below the first line and in the rows, and may leave something open.
    if text.contains("inconclusive here: busy") {
        return;
    }
    let (first, rest) = text.split_once("\n\n").expect("a blank line below the machine");
    let text = format!("{}\n\n{}", first.lines().next().unwrap(), rest.replace(" (busy)", ""));
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    // The first line names the machine.
    lines[0].clone_from(&recorded.sections[0].lines[0]);
    assert_eq!(recorded.sections[0].compare(&lines), Ok(()), "scripts/record compare rewrites it");
}

#[test]
fn usage_errors_are_one_sentence_and_status_2() {
    for (arguments, said) in [
        (&["--jsn"][..], "did you mean '--json'?"),
        (&["--only", "frok"], "did you mean 'fork'?"),
        (&["diff", "one"], "diff: missing: <B.json>"),
        (&["diff"], "diff: missing: <A.json> <B.json>"),
    ] {
        let output = compare(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.lines().count() == 1 && stderr.contains(said), "{stderr}");
        assert!(stderr.contains("cargo run -q -- --help"), "{stderr}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_said_before_anything_is_measured() {
    let output = compare(&["--html", "/nonexistent/report.html"]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("/nonexistent/report.html"), "{stderr}");
}

#[test]
fn a_report_says_values_as_people_write_them() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let output = compare(&["--only", "fork", "--html", path]);
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    assert!(!page.contains("<td>null") && !page.contains("<td>["), "{page}");
}

#[test]
fn no_line_is_longer_than_a_terminal_and_verdicts_are_quick() {
    let output = compare(&["--verdicts", "--only", "fork,creation-cost"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\n18. Making a thread is faster"), "{text}");
    assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b'), "colour is for terminals: {text}");
}

#[test]
fn a_full_device_is_a_failure_in_one_sentence() {
    for arguments in [&["--list"][..], &["--only", "fork"], &["--help"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_compare"))
            .args(arguments)
            .stdout(File::options().write(true).open("/dev/full").unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn diff_names_what_differs() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, verdict: &str| {
        let path = directory.path().join(name);
        let json = serde_json::json!({
            "schema": 2, "machine": {"kernel": name, "model": "m"}, "rows": [],
            "claims": [{"id": "x", "claim": "A statement.", "verdict": verdict}],
        });
        std::fs::write(&path, json.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (a, b) = (write("a", "holds"), write("b", "does not hold"));
    let output = compare(&["diff", &a, &b]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("A statement.\n  a: holds\n  b: does not hold"), "{text}");
    assert!(compare(&["diff", &a, "/nonexistent"]).status.code() == Some(1));
}

/// The pid of a process whose command line has all these words, below `parent`.
fn child_with(parent: u32, words: &[&str]) -> Option<i32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).ok()?;
    children.split_whitespace().find_map(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let has = |word: &&str| line.split('\0').any(|found| found == *word);
        words.iter().all(has).then(|| pid.parse().ok())?
    })
}

#[test]
fn an_experiment_that_is_killed_costs_its_own_row_and_nothing_else() {
    let mut comparison = Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(["--json", "--only", "creation-cost,fork"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("compare starts");
    let victim = loop {
        if let Some(pid) = child_with(comparison.id(), &["creation-cost", "table"]) {
            break pid;
        }
        assert!(comparison.try_wait().unwrap().is_none(), "it ended before the experiment began");
    };
    kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
    let output = comparison.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "something failed: {output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for claim in json["claims"].as_array().unwrap() {
        let bears = claim["experiment"].as_array().unwrap().contains(&"table".into());
        let hit = bears && claim["package"] == "creation-cost";
        assert_eq!(claim["verdict"] == "failed", hit, "{claim:#}");
        if hit {
            assert!(claim["because"].as_str().unwrap().contains("ended by SIGKILL"), "{claim:#}");
        }
    }
}
