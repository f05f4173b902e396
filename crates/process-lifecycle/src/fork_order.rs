//! Who runs first after a fork is not promised, and each fork doubles the processes.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use lab::child::{Child, explain, failed};
use lab::{Evidence, Experiment, Lab, Shared, say};
use nix::sys::wait::waitpid;
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
}

fn run(_: &Lab) -> Result<Evidence> {
    let seen = Shared::new(Seen::default())?;
    let mut parent_first = 0;
    for _ in 0..TRIES {
        parent_first += u32::from(who_is_first(&seen)? == PARENT);
    }
    let child_first = TRIES - parent_first;
    say!(
        "parent",
        "{TRIES} forks: first was the parent {parent_first}, the child {child_first} times"
    );

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let family = unsafe { Child::fork(|| three_forks(&seen)) }?;
    family.wait()?;
    let processes = seen.processes.load(Ordering::Acquire);
    say!("parent", "a child forked three times in a row: {processes} processes came of it");
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
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            come(CHILD);
            0
        })
    }?;
    come(PARENT);
    child.wait()?;
    Ok(seen.first.load(Ordering::Acquire))
}
// ANCHOR_END: first

// ANCHOR: three
fn three_forks(seen: &Seen) -> i32 {
    let mut children = Vec::new();
    let mut status = 0;
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
    }
    seen.processes.fetch_add(1, Ordering::AcqRel);
    for child in children {
        let _ = waitpid(child, None);
    }
    status
}
// ANCHOR_END: three
