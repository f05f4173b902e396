//! One task, written four times: the sum of a million numbers by four workers.

mod pipes;
mod shared_page;
mod sockets;
mod threads;

use anyhow::{Result, ensure};
use lab::{Evidence, Experiment, Lab, say};

use crate::system_calls;

pub const EXPERIMENT: Experiment = Experiment {
    name: "complexity",
    question: "Is the same task harder to write with processes?",
    claims: &["ipc-more-complex"],
    run,
};

/// How many share the work.
const WORKERS: usize = 4;
const NUMBERS: u64 = 1_000_000;

struct Version {
    name: &'static str,
    sum: fn(&[u64]) -> Result<u64>,
    source: &'static str,
}

const VERSIONS: [Version; 4] = [
    Version { name: "threads", sum: threads::sum, source: include_str!("complexity/threads.rs") },
    Version { name: "pipes", sum: pipes::sum, source: include_str!("complexity/pipes.rs") },
    Version { name: "sockets", sum: sockets::sum, source: include_str!("complexity/sockets.rs") },
    Version {
        name: "shared memory",
        sum: shared_page::sum,
        source: include_str!("complexity/shared_page.rs"),
    },
];

fn run(_: &Lab) -> Result<Evidence> {
    let numbers: Vec<u64> = (0..NUMBERS).collect();
    let should = NUMBERS * (NUMBERS - 1) / 2;
    say!("counter", "the sum of {NUMBERS} numbers by {WORKERS} workers, as each was written:");
    row("", ["lines", "calls to the system", "places to fail"]);
    let mut evidence = Evidence::new();
    for version in &VERSIONS {
        let sum = (version.sum)(&numbers)?;
        ensure!(sum == should, "{} found {sum}, not {should}", version.name);
        let size = Size::of(version.source);
        let made = system_calls::count(|| (version.sum)(&numbers).map(drop))?;
        row(version.name, [size.lines, size.calls, size.failures]);
        let fact = |what: &str| format!("{}: {what}", version.name);
        evidence = evidence
            .fact(&fact("lines"), size.lines)
            .fact(&fact("calls in the source"), size.calls)
            .fact(&fact("places that can fail"), size.failures);
        evidence = match made {
            Some(made) => evidence.fact(&fact("system calls made"), made),
            None => evidence.missing(&fact("system calls made"), "ptrace(2) is not allowed here"),
        };
    }
    let made = |name: &str| evidence.number(&format!("{name}: system calls made")).ok();
    if let (Some(threads), Some(pipes)) = (made("threads"), made("pipes")) {
        say!("counter", "when they run, threads make {threads} system calls and pipes {pipes}");
        let lines = |name: &str| evidence.number(&format!("{name}: lines")).ok();
        let shorter = lines("threads") < lines("pipes");
        if let Some(so) = what_the_calls_show(shorter, threads > pipes) {
            say!("counter", "{so}");
        }
    }
    Ok(evidence)
}

/// The version that is shortest to write may make more calls than another one.
fn what_the_calls_show(shorter: bool, more_calls: bool) -> Option<&'static str> {
    (shorter && more_calls).then_some("what is easy to write is not what is little to do")
}

fn row(name: &str, [lines, calls, failures]: [impl std::fmt::Display; 3]) {
    say!("counter", "{name:<14}{lines:>5}{calls:>21}{failures:>18}");
}

/// What one had to write, and a reader has to understand.
#[derive(Debug, PartialEq)]
struct Size {
    lines: usize,
    /// Names of functions that are a system call, or little more than one.
    calls: usize,
    /// Where an error is passed on, made or looked at.
    failures: usize,
}

/// What counts as a call to the system.
const CALLS: [&str; 11] = [
    "Child::fork(",
    "spawn_scoped(",
    "pipe(",
    "UnixStream::pair(",
    "shutdown(",
    "read_exact(",
    "write_all(",
    "Ring::create(",
    "shared(",
    ".wait()",
    ".join()",
];

/// What counts as a place where something can fail.
const FAILURES: [&str; 5] = ["?", "ensure!", "is_err()", "Err(", "map_err("];

impl Size {
    /// Counts code, not comments.
    fn of(source: &str) -> Size {
        let code = || source.lines().map(str::trim).filter(|line| is_code(line));
        let count = |words: &[&str]| -> usize {
            code()
                .map(|line| words.iter().map(|word| line.matches(word).count()).sum::<usize>())
                .sum()
        };
        Size { lines: code().count(), calls: count(&CALLS), failures: count(&FAILURES) }
    }
}

fn is_code(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shorter_and_makes_more_calls_is_little_to_write_and_much_to_do() {
        assert!(what_the_calls_show(true, true).is_some());
        assert_eq!(what_the_calls_show(true, false), None);
        assert_eq!(what_the_calls_show(false, true), None);
    }

    #[test]
    fn comments_and_blank_lines_do_not_count() {
        let source = "//! pipe( ?\n\nlet a = pipe()?;\n  // fork?\nchild.wait()?;\n";
        assert_eq!(Size::of(source), Size { lines: 2, calls: 2, failures: 2 });
    }

    #[test]
    fn every_version_finds_the_sum() {
        let numbers: Vec<u64> = (1..=1000).collect();
        assert_eq!(threads::sum(&numbers).unwrap(), 500_500);
    }
}
