//! The choosing package as a user runs it.

use std::process::{Child, Command, Output, Stdio};

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
        heads(text)
            .into_iter()
            .filter(|line| !line.starts_with("Take the figures"))
            .collect::<Vec<_>>()
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
fn a_busy_machine_is_said() {
    let cpus = std::thread::available_parallelism().expect("it is known").get();
    // They end when nobody holds the other end of their input, so also with a test that has panicked.
    let burn = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", "while :; do :; done & read x; kill $!"]).stdin(Stdio::piped());
        shell.spawn().expect("sh starts")
    };
    let burning: Vec<Child> = (0..2 * cpus).map(|_| burn()).collect();
    let [output, told] = ["--starts 100 --json", "--starts 100"].map(advise);
    for mut shell in burning {
        shell.wait().expect("it is a child of this process");
    }
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert!(object["busy"].as_str().is_some_and(|why| why.contains("others took")), "{object}");
    let text = String::from_utf8(told.stdout).expect("it is text");
    assert!(text.contains("Take the figures as rough"), "{text}");
}

#[test]
fn what_is_sent_is_measured_at_its_size_and_the_kernel_is_counted() {
    let output = advise("--shared 400M --written 400M --json");
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let number = |place: &str| {
        let value = object.pointer(place).and_then(serde_json::Value::as_f64);
        value.unwrap_or_else(|| panic!("{place}: {object}"))
    };
    let sent = number("/figures/there_and_back/bytes");
    assert_eq!(sent, 16.0 * 1048576.0);
    // There and back the kernel copies it four times; into shared memory and out are two copies.
    let each = |end: &str| number(&format!("/{end}/there_and_back/us")) / (sent / 1024.0);
    assert!(each("low") > number("/figures/shared_us_by_kib/each"), "{object}");
    assert!(each("low") <= each("figures") && each("figures") <= each("high"), "{object}");
    // Every task has a stack in the kernel, of two pages and more.
    for who in ["thread", "process"] {
        let [kernel, all] = match who {
            "thread" => ["thread_in_kernel_kib", "thread_kib"],
            _ => ["process_in_kernel_kib", "process_kib_by_mib/fixed"],
        };
        assert!(number(&format!("/high/{kernel}")) >= 8.0, "{object}");
        assert!(number(&format!("/high/{all}")) > number(&format!("/high/{kernel}")), "{object}");
    }
}

#[test]
fn a_worker_of_python_is_looked_at_where_there_is_one() {
    let object: serde_json::Value =
        serde_json::from_slice(&advise("--python yes --shared 1M --json").stdout).expect("JSON");
    let there = Command::new("python3").args(["-I", "-c", "import multiprocessing"]).output();
    let there = there.is_ok_and(|output| output.status.success());
    let held = object["figures"]["python_kib"].as_f64();
    assert_eq!(held.is_some(), there, "{object}");
    // An interpreter's data are more than a stack.
    let thread = object["figures"]["thread_kib"].as_f64().expect("a number");
    assert!(held.is_none_or(|held| held > 2.0 * thread), "{object}");
}

#[test]
fn a_wrong_answer_gets_one_sentence_and_status_2() {
    for options in [
        "--starts many",
        "--at-once 0",
        "--trusted perhaps",
        "--starts",
        "--starts 1 --sise 3",
        "--shared 1M --written 5M",
        "--memory 64M --shared 1G",
    ] {
        let output = advise(options);
        assert_eq!(output.status.code(), Some(2), "{options}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.stdout.is_empty() && said.trim_end().lines().count() == 1,
            "{options}: {said}"
        );
    }
}
