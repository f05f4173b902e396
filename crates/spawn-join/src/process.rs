//! A process's result is its exit status, of which eight bits arrive. More goes through a pipe.

use std::io::Write;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, explain_io, in_words};
use lab::{Evidence, Experiment, Lab, Role, say};
use nix::sys::wait::WaitStatus;
use nix::unistd::getpid;

use crate::task::{LIMIT, primes_below};

pub const EXPERIMENT: Experiment = Experiment {
    name: "process",
    question: "How does a process hand back what it found?",
    claims: &["python-process-listing"],
    run,
};

// ANCHOR: story
fn run(_: &Lab) -> Result<Evidence> {
    say!("parent", "forks a child that looks for the primes below {LIMIT}");
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let found = primes_below(LIMIT).len();
            say!("child", "found {found} primes and exits with {found}");
            found as i32
        })
    }?;
    let pid = child.pid();
    let WaitStatus::Exited(_, status) = child.wait()? else {
        bail!("child {pid} did not exit by itself");
    };
    say!("parent", "waitpid says: child {pid} exited with {status}");
    // ANCHOR_END: story
    let expected = primes_below(LIMIT);
    let bits = (expected.len() as u32 ^ status as u32).trailing_zeros();
    say!("parent", "only the lowest {bits} bits have arrived");

    let primes = by_a_program()?;
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
    say!("parent", "waitpid says of another: child {pid} {}", in_words(child.kill()?));
    Ok(Evidence::new()
        .fact("process: process id differs", pid != getpid())
        .fact("process: exit status", status)
        .fact("process: result returned by", format!("exit status, {bits} bits"))
        .fact("process: whole result through a pipe", right))
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

fn by_a_program() -> Result<Vec<u32>> {
    let mut program = lab::role("spawn-join", ROLE.name);
    let output = program.arg(LIMIT.to_string()).output().map_err(explain_io("fork"))?;
    ensure!(output.status.success(), "the program failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| line.parse().with_context(|| format!("not a number: {line}"))).collect()
}
