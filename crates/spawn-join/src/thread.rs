//! A thread's result is a value of any type, and `join` hands over the value itself.

use std::thread;

use anyhow::{Result, anyhow};
use lab::child::explain_io;
use lab::thread::traced;
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::{getpid, gettid};

use crate::task::{LIMIT, primes_below};

pub const EXPERIMENT: Experiment = Experiment {
    name: "thread",
    question: "How does a thread hand back what it found?",
    claims: &[],
    run,
};

// ANCHOR: story
fn run(_: &Lab) -> Result<Evidence> {
    say!("main", "starts a thread that looks for the primes below {LIMIT}");
    let task = || {
        let primes = primes_below(LIMIT);
        say!("thread", "found {} primes, and keeps them at {:p}", primes.len(), primes.as_ptr());
        let place = primes.as_ptr() as usize;
        (getpid(), gettid(), primes, place)
    };
    let worker = thread::Builder::new().spawn(traced(task)).map_err(explain_io("thread"))?;
    let (pid, tid, primes, place) = worker.join().map_err(|_| anyhow!("the thread panicked"))?;

    let (right, moved) = (primes == primes_below(LIMIT), primes.as_ptr() as usize == place);
    say!("main", "join returned {} primes at {:p}", primes.len(), primes.as_ptr());
    // ANCHOR_END: story
    let payload = panicking()?;
    match &payload {
        Some(payload) => {
            say!("main", "join of a thread that panics returns Err: \"{payload}\"");
        }
        None => say!("main", "join of a thread that does not panic returns Ok"),
    }
    let payload = payload.unwrap_or_else(|| "nothing".to_owned());
    Ok(Evidence::new()
        .fact("thread: same process id", pid == getpid())
        .fact("thread: thread id differs", tid != gettid())
        .fact("thread: result is right", right)
        // The list lies where the thread built it: it was not translated into anything.
        .fact("thread: result returned by", if moved { "join, any type" } else { "join, a copy" })
        .fact("thread: panic returned by join", payload))
}

/// What `join` returns as the error of a thread that panics.
fn panicking() -> Result<Option<String>> {
    // The message that Rust prints by default is not wanted here.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let worker = thread::Builder::new().spawn(|| -> () { panic!("no prime found") });
    let outcome = worker.map_err(explain_io("thread")).map(thread::JoinHandle::join);
    std::panic::set_hook(hook);
    let text = |payload: &str| payload.to_owned();
    let payload = outcome?.err();
    Ok(payload.map(|payload| text(payload.downcast_ref().copied().unwrap_or("of another type"))))
}
