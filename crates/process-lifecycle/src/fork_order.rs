//! Who runs first after a fork is not promised, and each fork doubles the processes.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, ensure};
use lab::child::{Child, exit, explain, failed, in_words};
use lab::{Evidence, Experiment, Lab, Shared, say};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

pub const EXPERIMENT: Experiment = Experiment {
    name: "fork-order",
    question: "Who runs first after a fork? And how many are there after three?",
    claims: &[],
    run,
};

const TRIES: u32 = 200;
const PARENT: u32 = 1;
const CHILD: u32 = 2;

/// What parent and children write to, in memory that fork does not copy.
#[derive(Default)]
struct Seen {
    first: AtomicU32,
    processes: AtomicU32,
    /// How often each of them has come out of a fork in a row.
    in_a_row: AtomicU32,
}

fn run(_: &Lab) -> Result<Evidence> {
    let seen = Shared::new(Seen::default())?;
    let (mut parent_first, mut child_first) = (0, 0);
    for _ in 0..TRIES {
        let first = who_is_first(&seen)?;
        parent_first += u32::from(first == PARENT);
        child_first += u32::from(first == CHILD);
    }
    say!(
        "parent",
        "{TRIES} forks: first was the parent {parent_first}, the child {child_first} times"
    );

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let family = unsafe { Child::fork(|| three_forks(&seen)) }?;
    let ended = family.wait()?;
    ensure!(matches!(ended, WaitStatus::Exited(_, 0)), "the family {}", in_words(ended));
    let processes = seen.processes.load(Ordering::Acquire);
    let forks = seen.in_a_row.load(Ordering::Acquire);
    say!("parent", "a child forked {forks} times in a row: {processes} processes came of it");
    Ok(Evidence::new()
        .measured("fork order: parent first", f64::from(parent_first) / f64::from(TRIES), "of all")
        .fact("three forks: processes", processes))
}

// ANCHOR: first
fn who_is_first(seen: &Seen) -> Result<u32> {
    seen.first.store(0, Ordering::Release);
    let come = |who| {
        let _ = seen.first.compare_exchange(0, who, Ordering::AcqRel, Ordering::Acquire);
    };
    // Nothing but the fork lies between the two and their first step.
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    match unsafe { fork() }.map_err(explain("fork"))? {
        ForkResult::Child => {
            come(CHILD);
            exit(0)
        }
        ForkResult::Parent { child } => {
            come(PARENT);
            Child::adopt(child).wait()?;
        }
    }
    Ok(seen.first.load(Ordering::Acquire))
}
// ANCHOR_END: first

fn three_forks(seen: &Seen) -> i32 {
    let mut children = Vec::new();
    let (mut status, mut in_a_row) = (0, 0);
    // ANCHOR: three
    for _ in 0..3 {
        // SAFETY: this process has one thread, so the child inherits no lock held by another.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => children.clear(),
            Ok(ForkResult::Parent { child }) => children.push(child),
            Err(errno) => {
                status = failed(&explain("fork")(errno));
                break;
            }
        }
        in_a_row += 1;
    }
    seen.in_a_row.store(in_a_row, Ordering::Release);
    seen.processes.fetch_add(1, Ordering::AcqRel);
    // ANCHOR_END: three
    for child in children {
        if !matches!(waitpid(child, None), Ok(WaitStatus::Exited(_, 0))) {
            status = 1;
        }
    }
    status
}
