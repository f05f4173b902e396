//! The choosing package as a user runs it.

use std::process::{Command, Output};

acceptance::tests!("choosing");

#[test]
fn processes_keep_what_was_done_and_what_is_secret() {
    for (arm, kept, seen) in [
        ("thread", 0, true),
        ("thread pool", 0, true),
        ("process", 23, false),
        ("process pool", 23, false),
    ] {
        assert_eq!(PROGRAM.fact("scoreboard", &format!("{arm}: jobs kept after a crash")), kept);
        assert_eq!(
            PROGRAM.fact("scoreboard", &format!("{arm}: another worker sees the secret")),
            seen
        );
    }
}

fn advise(options: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_choosing"));
    command.arg("advise").args(options.split_whitespace());
    command.output().expect("the program starts")
}

#[test]
fn answers_turn_the_recommendation() {
    let first = |options: &str| {
        let output = advise(options);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("it is text");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(first("--trusted no"), "Use a sandboxed process for each task.");
    assert_eq!(first("--work waits --at-once 100k"), "Use async tasks.");
    assert_eq!(first("--starts 0 --at-once 1"), "Use a few threads that stay.");
}

/// The book's example: its first line is the command, and the rest is what it printed.
const EXAMPLE: &str = include_str!("../example.txt");

#[test]
fn the_example_is_what_is_printed() {
    let (command, recorded) = EXAMPLE.split_once('\n').expect("it has lines");
    let options = command.strip_prefix("$ cargo run -q -- choose ").expect("a command");
    let (options, lines) = options.split_once(" | head -").expect("its first lines");
    let output = advise(options);
    let printed = String::from_utf8(output.stdout).expect("it is text");
    let lines = lines.parse().expect("a number of lines");
    let printed = printed.lines().take(lines).map(|line| format!("{line}\n")).collect::<String>();
    let heads = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.ends_with([':', '.']) && !line.starts_with(' '))
            .map(str::to_owned)
            .collect()
    };
    let quiet = |text: &str| {
        heads(text).into_iter().filter(|line| !line.starts_with("The machine")).collect::<Vec<_>>()
    };
    assert_eq!(quiet(&printed), quiet(recorded), "{printed}");
}

#[test]
fn the_readme_shows_a_part_of_the_example() {
    let readme = include_str!("../../../README.md");
    let command = EXAMPLE.split(" | ").next().expect("it has a command");
    let shown = readme.split(command).nth(1).expect("the README has the command");
    let block =
        shown.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    assert!(block.lines().count() > 4);
    for line in block.lines().filter(|line| *line != "...") {
        assert!(EXAMPLE.lines().any(|recorded| recorded == line), "{line}");
    }
}

#[test]
fn json_says_the_same_to_programs() {
    let output = advise("--trusted no --json");
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(object["recommendation"]["use"], "a sandboxed process for each task");
    assert_eq!(object["answers"]["trusted"], "no");
    assert!(object["figures"]["thread_us"].as_f64().is_some_and(|thread| thread > 0.0));
}

#[test]
fn a_wrong_answer_gets_one_sentence_and_status_2() {
    for options in
        ["--starts many", "--at-once 0", "--trusted perhaps", "--starts", "--starts 1 --sise 3"]
    {
        let output = advise(options);
        assert_eq!(output.status.code(), Some(2), "{options}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.stdout.is_empty() && said.trim_end().lines().count() == 1,
            "{options}: {said}"
        );
    }
}
