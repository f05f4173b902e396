//! A process's result is its exit status, of which eight bits arrive. More goes through a pipe.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain_io, in_words};
use lab::{Evidence, Experiment, Lab, Role, say};
use nix::unistd::getpid;

use crate::task::{LIMIT, primes_below};

pub const EXPERIMENT: Experiment = Experiment {
    name: "process",
    question: "How does a process hand back what it found?",
    claims: &[],
    run,
};

/// Statuses that are tried, around the places at which bits could be cut off.
const STATUSES: [i32; 7] = [0, 1, 127, 255, 256, 300, -1];

// ANCHOR: story
fn run(_: &Lab) -> Result<Evidence> {
    say!("parent", "forks a child that looks for the primes below {LIMIT}");
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let found = primes_below(LIMIT).len();
            say!("child", "found {found} primes, and is to exit with {found}");
            found as i32
        })
    }?;
    let pid = child.pid();
    let status = in_words(child.wait()?);
    say!("parent", "waitpid says: child {pid} {status}");
    // ANCHOR_END: story

    let mut arrived = Vec::new();
    for status in STATUSES {
        // SAFETY: as above.
        arrived.push(in_words(unsafe { Child::fork(|| status) }?.wait()?));
    }
    let sent = STATUSES.map(|status| format!("{status:>4}")).join(" ");
    let received = arrived.iter().map(|words| format!("{:>4}", words.replace("exited with ", "")));
    say!("parent", "of children that exit with {sent}");
    say!("parent", "waitpid says               {}", received.collect::<Vec<_>>().join(" "));
    let (by, that_is) = match bits(&arrived) {
        Some(bits) => (format!("exit status, {bits} bits"), format!("the lowest {bits} bits")),
        None => ("exit status, other bits".to_owned(), "no certain number of bits".to_owned()),
    };
    say!("parent", "that is {that_is} of each");

    let (expected, primes) = (primes_below(LIMIT), by_a_program()?);
    let right = primes == expected;
    say!("parent", "starts a program for the same task, and reads what it prints");
    say!("parent", "read {} primes, {}", primes.len(), if right { "all right" } else { "wrong" });

    // SAFETY: as above.
    let child = unsafe {
        Child::fork(|| {
            nix::unistd::pause();
            0
        })
    }?;
    let pid = child.pid();
    let killed = in_words(child.kill()?);
    say!("parent", "kills another; waitpid: child {pid} {killed}");
    Ok(Evidence::new()
        .fact("process: process id differs", pid != getpid())
        .fact("process: status", status)
        .fact("process: result returned by", by)
        .fact("process: whole result through a pipe", right)
        .fact("process: status of one that was killed", killed))
}

/// How many of the lowest bits of [`STATUSES`] make what arrived; `None` if no number does, or several
/// do, for then these statuses do not tell.
fn bits(arrived: &[String]) -> Option<u32> {
    let mut fitting = (1..=32).filter(|bits| {
        let mask = u32::MAX >> (32 - bits);
        let mut both = STATUSES.iter().zip(arrived);
        both.all(|(sent, words)| *words == format!("exited with {}", *sent as u32 & mask))
    });
    let bits = fitting.next();
    if fitting.next().is_some() { None } else { bits }
}

/// The program that does the task: its argument is text, and so is what it prints.
pub const ROLE: Role = Role {
    name: "primes",
    run: |arguments| {
        let limit = arguments.first().context("the limit is missing")?.parse()?;
        for prime in primes_below(limit) {
            writeln!(std::io::stdout(), "{prime}")?;
        }
        Ok(())
    },
};

// ANCHOR: program
fn by_a_program() -> Result<Vec<u32>> {
    let mut program = lab::role("spawn-join", ROLE.name);
    let program = program.arg(LIMIT.to_string()).stderr(Stdio::inherit());
    let output = program.output().map_err(explain_io("posix_spawn"))?;
    ensure!(output.status.success(), "the program failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| line.parse().with_context(|| format!("not a number: {line}"))).collect()
}
// ANCHOR_END: program

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(mask: u32) -> Vec<String> {
        STATUSES.map(|sent| format!("exited with {}", sent as u32 & mask)).to_vec()
    }

    #[test]
    fn the_statuses_tell_how_many_bits_arrive() {
        for count in [7, 8, 9, 16] {
            assert_eq!(bits(&masked(u32::MAX >> (32 - count))), Some(count));
        }
        let mut other = masked(255);
        other[4] = "was ended by SIGKILL".to_owned();
        assert_eq!(bits(&other), None);
    }
}
