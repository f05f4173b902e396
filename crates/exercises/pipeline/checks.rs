//! What a pipeline must come to.

use std::{io, str};

use harness::{Check, serve};
use pipeline::{Outcome, pipeline};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(&[&[&str]]) -> io::Result<Outcome> = pipeline;
const _: fn(Outcome) -> (Vec<u8>, Vec<i32>) = |outcome| (outcome.output, outcome.codes);

fn main() {
    serve(&[
        Check::plain("passes-on", passes_on),
        Check::plain("one-and-none", one_and_none),
        Check::plain("codes", codes),
        Check::plain("together", together),
        Check::plain("end-of-file", end_of_file),
        Check::plain("broken-pipe", broken_pipe),
        Check::plain("much", much),
        Check::plain("only-three", only_three),
        Check::plain("cannot-start", cannot_start),
    ]);
}

/// Runs programs and returns what the last one printed, as text, and the codes.
fn run(programs: &[&[&str]]) -> (String, Vec<i32>) {
    let outcome = pipeline(programs).expect("the pipeline");
    (str::from_utf8(&outcome.output).expect("the output is text").to_owned(), outcome.codes)
}

fn passes_on() {
    let (output, _) = run(&[&["printf", "c b a"], &["tr", " ", "\\n"], &["sort"]]);
    assert_eq!(output, "a\nb\nc\n", "printf 'c b a' | tr ' ' '\\n' | sort");
}

fn one_and_none() {
    let (output, codes) = run(&[&["cat"]]);
    assert_eq!(output, "", "the input of the first program is empty");
    assert_eq!(codes, [0], "cat alone");
    let (output, codes) = run(&[&["sh", "-c", "echo here; exit 3"]]);
    assert_eq!(output, "here\n", "echo here; exit 3");
    assert_eq!(codes, [3], "echo here; exit 3");
    assert_eq!(run(&[]), (String::new(), vec![]), "no programs");
}

fn codes() {
    let (_, codes) =
        run(&[&["sh", "-c", "exit 3"], &["sh", "-c", "kill -TERM $$"], &["sh", "-c", "exit 5"]]);
    assert_eq!(codes, [3, 128 + 15, 5], "exit 3 | kill -TERM itself | exit 5");
}

/// The first goes on only when the last has got its first line.
fn together() {
    let meeting = std::env::temp_dir().join("meeting");
    nix::unistd::mkfifo(&meeting, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (output, codes) = run(&[
        &["sh", "-c", "echo one; read go < $TMPDIR/meeting; echo two"],
        &["sh", "-c", "read line; echo $line; echo go > $TMPDIR/meeting; cat"],
    ]);
    std::fs::remove_file(meeting).unwrap();
    assert_eq!(output, "one\ntwo\n", "two programs that need each other");
    assert_eq!(codes, [0, 0], "two programs that need each other");
}

fn end_of_file() {
    let (output, codes) = run(&[&["printf", "four"], &["cat"], &["cat"], &["wc", "-c"]]);
    assert_eq!(output.trim(), "4", "printf four | cat | cat | wc -c");
    assert_eq!(codes, [0, 0, 0, 0], "printf four | cat | cat | wc -c");
}

/// The first prints for ever, the last reads one line.
fn broken_pipe() {
    let forever = "while echo line; do :; done 2> /dev/null; exit 1";
    let (output, codes) = run(&[&["sh", "-c", forever], &["head", "-n", "1"]]);
    assert_eq!(output, "line\n", "one line of many");
    assert_eq!(codes, [128 + 13, 0], "a program that prints for ever | head -n 1");
}

fn much() {
    let (output, codes) = run(&[&["seq", "50000"], &["cat"]]);
    assert_eq!(output.lines().count(), 50_000, "lines of seq 50000 | cat");
    assert_eq!(output.lines().last(), Some("50000"), "the last line of seq 50000 | cat");
    assert_eq!(codes, [0, 0], "seq 50000 | cat");
}

/// Each puts the numbers of its descriptors into a file of its own.
fn only_three() {
    let list = |file: &str| format!("exec > $TMPDIR/{file}; ls /proc/$$/fd; true");
    let (first, second, third) = (list("first"), list("second"), list("third"));
    run(&[&["sh", "-c", &first], &["sh", "-c", &second], &["sh", "-c", &third]]);
    let found = ["first", "second", "third"].map(|file| {
        let path = std::env::temp_dir().join(file);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        found.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    assert_eq!(found, ["0 1 2", "0 1 2", "0 1 2"], "the descriptors of each of three programs");
}

fn cannot_start() {
    let forever = "while echo line; do :; done 2> /dev/null; exit 1";
    let programs: [&[&str]; 3] = [&["sh", "-c", forever], &["/no/such/program"], &["cat"]];
    let outcome = pipeline(&programs).expect("one that cannot be started is not an error");
    assert_eq!(outcome.output, b"", "cat, after a program that cannot be started");
    assert_eq!(outcome.codes, [128 + 13, 127, 0], "the second cannot be started");
}
