//! Threads have ids of their own, and one process id between them.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::thread;

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::{Pid, getpid, gettid};

use crate::proc::{field, status, threads_of_this_process};

pub const EXPERIMENT: Experiment = Experiment {
    name: "ids",
    question: "What does a new thread have in common with its process?",
    claims: &["threads-inside-processes"],
    run,
};

const STARTED: usize = 3;

fn run(_: &Lab) -> Result<Evidence> {
    let (process, first) = (getpid(), gettid());
    let both = if process == first { ": one id for both" } else { "" };
    say!("main", "getpid returns {process}, gettid {first}{both}");

    let (mut told, tell) = pipe().context("pipe")?;
    let (gate, opener) = pipe().context("pipe")?;
    let mut ids = vec![(process, first)];
    let listed = thread::scope(|scope| {
        // Dropped when this block ends, which lets every worker go.
        let (mut opener, mut workers) = (opener, Vec::new());
        for _ in 0..STARTED {
            workers.push(spawn(scope, "worker", || work(&tell, &gate))?);
            let mut two = [[0; 4]; 2];
            told.read_exact(two.as_flattened_mut()).context("a worker ended early")?;
            ids.push(two.map(|id| Pid::from_raw(i32::from_ne_bytes(id))).into());
        }
        // All of them wait at the gate now.
        let listed = threads_of_this_process();
        opener.write_all(&[1; STARTED]).context("write")?;
        listed
    })?;
    let processes = distinct(ids.iter().map(|(pid, _)| *pid));
    let threads = distinct(ids.iter().map(|(_, tid)| *tid));
    let found = ids.iter().filter(|(_, tid)| listed.contains(tid)).count();
    say!("main", "/proc/{process}/task listed {found} of these threads");
    let evidence = Evidence::new()
        .fact("threads started", ids.len() - 1)
        .fact("process ids", processes)
        .fact("thread ids", threads)
        .fact("threads listed by the kernel", found);
    Ok(kernel_thread(evidence))
}

/// Tells its ids, and waits until it may end.
fn work(mut tell: &PipeWriter, mut gate: &PipeReader) {
    let (pid, tid) = (getpid(), gettid());
    say!("worker", "getpid returns {pid}, gettid {tid}");
    let _ = tell.write_all([pid, tid].map(|id| id.as_raw().to_ne_bytes()).as_flattened());
    let _ = gate.read(&mut [0]);
}

/// Looks for a thread that lives in no program: kthreadd, which has pid 2 and no parent.
fn kernel_thread(evidence: Evidence) -> Evidence {
    const FACT: &str = "kernel thread without memory";
    let status = status("/proc/2").unwrap_or_default();
    let field = |name| field(&status, name);
    let of_the_kernel = field("PPid") == Some("0") && field("VmSize").is_none();
    match field("Name") {
        Some(name) if of_the_kernel => {
            say!("main", "thread 2, {name}, is the kernel's own and in no program");
            evidence.fact(FACT, true)
        }
        _ => evidence.missing(FACT, "no kernel thread can be seen from this pid namespace"),
    }
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> usize {
    items.collect::<std::collections::BTreeSet<T>>().len()
}
