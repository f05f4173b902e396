//! A panic is not a crash: it unwinds one thread's stack, runs the destructors on the way, and is
//! handed to whoever joins the thread. Built with `panic = "abort"` it is a crash after all.

use std::io::{PipeWriter, Read, Write};
use std::panic::{catch_unwind, set_hook};

use anyhow::{Context, Result};
use lab::child::no_core_dump;
use lab::{Evidence, Experiment, Lab, say, stretch};

use crate::watched::{child, exact, spawn};

pub const EXPERIMENT: Experiment = Experiment {
    name: "panic",
    question: "What does a panic end?",
    claims: &["thread-crash-kills-process"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let (joined, joined_notes) = in_a_process(joined)?;
    say!("parent", "join: the process {joined}");
    let (caught, caught_notes) = in_a_process(caught)?;
    say!("parent", "catch_unwind: the process {caught}");
    let (aborted, aborted_notes) = in_a_process(aborting)?;
    say!("parent", "abort: the process {aborted}");
    let cleaned = aborted_notes.contains("cleaned up");
    say!("parent", "the destructor ran: {}", if cleaned { "yes" } else { "no" });
    Ok(Evidence::new()
        .fact("panic: join returns the error", joined_notes.contains("joined"))
        .fact("panic: destructor runs", joined_notes.contains("cleaned up"))
        .fact("panic: catch_unwind returns the error", caught_notes.contains("caught"))
        .fact("abort: status", aborted)
        .fact("abort: destructor runs", cleaned))
}

// ANCHOR: unwind
fn joined(notes: &PipeWriter) {
    std::thread::scope(|threads| {
        let outcome = spawn(threads, || fails_in_the_middle(notes)).join();
        if let Err(error) = outcome {
            let message: &&str = error.downcast_ref().unwrap_or(&"?");
            say!("main", "join returned Err(\"{message}\"), and I go on");
            note(notes, "joined");
        }
    });
}

fn caught(notes: &PipeWriter) {
    if catch_unwind(|| fails_in_the_middle(notes)).is_err() {
        say!("main", "catch_unwind returned Err, in the same thread");
        note(notes, "caught");
    }
}

fn fails_in_the_middle(notes: &PipeWriter) {
    let _trace = stretch!("worker", "begins an order");
    let _guard = Cleanup(notes);
    panic!("an order without customer");
}
// ANCHOR_END: unwind

/// Imitates `panic = "abort"`, which a whole program is built with and not one function: the hook
/// has its say, then the process aborts before anything unwinds. A test compiles a program with
/// `-C panic=abort` and finds the same.
fn aborting(notes: &PipeWriter) {
    set_hook(Box::new(|_| {
        say!("worker", "panics, and the hook aborts as panic = \"abort\" would");
        std::process::abort()
    }));
    joined(notes);
}

/// Runs `body` in a child; returns how the child ended and what it noted down.
fn in_a_process(body: fn(&PipeWriter)) -> Result<(String, String)> {
    let (mut reader, writer) = std::io::pipe().context("pipe")?;
    let process = child(|| {
        no_core_dump();
        set_hook(Box::new(|panic| {
            say!("worker", "panics: {}", panic.payload_as_str().unwrap_or("?"));
        }));
        body(&writer);
        0
    })?;
    drop(writer);
    let status = process.wait()?;
    let mut notes = String::new();
    reader.read_to_string(&mut notes).context("read")?;
    Ok((exact(status)?, notes))
}

/// A destructor that leaves a trace.
struct Cleanup<'a>(&'a PipeWriter);

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        let when = if std::thread::panicking() { "while the stack unwinds" } else { "at the end" };
        say!("worker", "cleans up {when}");
        note(self.0, "cleaned up");
    }
}

fn note(mut notes: &PipeWriter, what: &str) {
    let _ = writeln!(notes, "{what}");
}
