//! Threads have ids of their own, and one process id between them.

use std::sync::{Mutex, mpsc};
use std::thread;

use anyhow::{Context, Result, ensure};
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::{getpid, gettid};

use crate::proc::{field, spawn, status, threads_of_this_process};

pub const EXPERIMENT: Experiment = Experiment {
    name: "ids",
    question: "What does a new thread have in common with its process?",
    claims: &["threads-inside-processes"],
    run,
};

const STARTED: usize = 3;

fn run(_: &Lab) -> Result<Evidence> {
    let process = getpid();
    say!("main", "getpid returns {process}, gettid {}: the first thread has both", gettid());

    let (tell, told) = mpsc::channel();
    let gate = Mutex::new(());
    let mut ids = vec![(getpid(), gettid())];
    let listed = thread::scope(|scope| {
        let _closed = gate.lock();
        for _ in 0..STARTED {
            let (tell, gate) = (tell.clone(), &gate);
            spawn(scope, "worker", move || {
                say!("worker", "getpid returns {}, gettid {}", getpid(), gettid());
                let _ = tell.send((getpid(), gettid()));
                drop(gate.lock());
            })?;
            ids.push(told.recv().context("a worker ended early")?);
        }
        threads_of_this_process()
    })?;
    say!("main", "/proc/{process}/task listed {} threads", listed.len());

    let processes = distinct(ids.iter().map(|(pid, _)| *pid));
    let threads = distinct(ids.iter().map(|(_, tid)| *tid));
    let all_listed = ids.iter().all(|(_, tid)| listed.contains(tid));
    ensure!(all_listed, "a thread is missing in /proc/{process}/task: {listed:?}");
    let evidence = Evidence::new()
        .fact("threads started", STARTED)
        .fact("process ids", processes)
        .fact("thread ids", threads)
        .fact("threads listed by the kernel", listed.len());
    Ok(kernel_thread(evidence))
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
