//! One of eight threads commits the same faults. A fatal signal and `exit` act on the whole thread
//! group (exit_group(2)), so the other seven never finish. A panic, or the raw system call that
//! ends one thread, leaves them alone.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::child::{LIMIT, late};
use lab::{Evidence, Experiment, Lab, TimeLimit, say};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{Pid, gettid};

use crate::fault::{self, Fault};
use crate::watched::{child, exact, silence, spawn, spawn_detached};

pub const EXPERIMENT: Experiment = Experiment {
    name: "thread-matrix",
    question: "One of eight threads crashes. Who survives?",
    claims: &["thread-crash-kills-process"],
    run,
};

const OTHERS: usize = 7;

const FAULTS: [Fault; 10] = [
    fault::NULL_WRITE,
    fault::ABORT,
    fault::STACK_OVERFLOW,
    fault::EXIT,
    fault::SIGTERM,
    fault::SIGKILL,
    fault::DOUBLE_PANIC,
    fault::PANIC,
    fault::RAW_EXIT,
    HANDLED,
];

fn run(_: &Lab) -> Result<Evidence> {
    let mut evidence = Evidence::new();
    let (mut fatal, mut contained, mut after_null_write) = (0, Vec::new(), 0);
    for fault in FAULTS {
        let (status, survivors) = one_of_eight(&fault)?;
        let name = fault.name;
        let ended = format!("{status},");
        say!("parent", "{name:<14} process {ended:<21} {survivors} of {OTHERS} finish");
        match survivors {
            0 => fatal += 1,
            OTHERS => contained.push(name),
            _ => {}
        }
        evidence = evidence
            .fact(&format!("thread: {name}: status"), status)
            .fact(&format!("thread: {name}: survivors"), survivors);
        if name == fault::NULL_WRITE.name {
            after_null_write = survivors;
        }
    }
    Ok(evidence
        .fact("thread: others", OTHERS)
        .fact("thread: faults", FAULTS.len())
        .fact("thread: faults that end all", fatal)
        .fact("thread: faults that end one thread", contained.join(", "))
        .fact("thread: survivors", format!("{after_null_write} of {OTHERS}")))
}

// ANCHOR: one-of-eight
fn one_of_eight(fault: &Fault) -> Result<(String, usize)> {
    let (go, mut start) = std::io::pipe().context("pipe")?;
    let (mut finished, done) = std::io::pipe().context("pipe")?;
    let (mut names, name) = std::io::pipe().context("pipe")?;
    let process = child(|| eight_threads(*fault, &go, &done, name))?;
    drop(done);
    let mut victim = [0; 4];
    if names.read_exact(&mut victim).is_err() {
        bail!("the process {}", exact(process.wait()?)?);
    }
    wait_for_end_of_thread(process.pid(), i32::from_ne_bytes(victim))?;
    start.write_all(&[0; OTHERS]).context("write")?;
    let status = process.wait()?;
    let mut results = String::new();
    finished.read_to_string(&mut results).context("read")?;
    Ok((exact(status)?, results.len()))
}

fn eight_threads(fault: Fault, go: &PipeReader, done: &PipeWriter, mut name: PipeWriter) -> i32 {
    lab::child::no_core_dump();
    silence();
    std::thread::scope(|threads| {
        for _ in 0..OTHERS {
            spawn(threads, || fault::work(go, done));
        }
        // Not of the scope: it would wait for ever for a thread that the raw system call ended.
        spawn_detached(move || {
            let _ = name.write_all(&gettid().as_raw().to_ne_bytes());
            (fault.commit)();
        });
    });
    0
}
// ANCHOR_END: one-of-eight

/// A guard, rarely a wise one: the handler ends the thread that made the fault, and no other.
/// What that thread held stays locked, and what it was writing stays half written.
const HANDLED: Fault = Fault {
    name: "with a handler",
    commit: || {
        survive_sigsegv();
        (fault::NULL_WRITE.commit)();
    },
};

fn survive_sigsegv() {
    let handler = SigHandler::Handler(end_this_thread);
    let action = SigAction::new(handler, SaFlags::SA_ONSTACK, SigSet::empty());
    // SAFETY: the handler makes one system call, which is async-signal-safe.
    let _ = unsafe { sigaction(Signal::SIGSEGV, &action) };
}

extern "C" fn end_this_thread(_: libc::c_int) {
    (fault::RAW_EXIT.commit)();
}

/// tgkill(2) with signal 0 sends nothing, and fails as soon as there is no such thread.
fn wait_for_end_of_thread(process: Pid, thread: i32) -> Result<()> {
    let mut limit = TimeLimit::new(LIMIT);
    // SAFETY: the call takes three integers.
    while unsafe { libc::syscall(libc::SYS_tgkill, process.as_raw(), thread, 0) } == 0 {
        if limit.is_over() {
            return Err(late("the victim does not end"));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}
