//! Three ways in which a Rust thread waits for itself, each beside its cure. The compiler refuses
//! data races; a deadlock it lets through.

use std::sync::{Mutex, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, LIMIT, explain_io, give_up, in_words};
use lab::proc::comes_to_block_in;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::wait::WaitStatus;
use nix::unistd::gettid;

use crate::asleep;

pub const EXPERIMENT: Experiment = Experiment {
    name: "self-deadlock",
    question: "Can one thread alone be in a deadlock?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let ways: [Way; 3] = [
        ("a guard lives through a match", match_long, match_short),
        ("a lock is taken twice", twice, once),
        ("a second read behind a writer", read_twice, read_anew),
    ];
    let mut evidence = Evidence::new();
    for (name, wrong, right) in ways {
        let (stuck, cured) = (is_stuck(wrong)?, is_stuck(right)?);
        say!("main", "{name:<29} {}; cured: {}", fate(stuck), fate(cured));
        evidence = evidence
            .fact(&format!("{name}: sleeps for ever"), stuck)
            .fact(&format!("{name}, cured: sleeps for ever"), cured);
    }
    Ok(evidence)
}

/// A mistake and its cure.
type Way = (&'static str, fn(), fn());

/// Whether a child that runs `body` comes to sleep for ever. One that ends otherwise than by returning
/// from `body` went wrong, and shows neither.
fn is_stuck(body: fn()) -> Result<bool> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            body();
            0
        })
    }?;
    if asleep::for_ever(&child)? {
        return Ok(true);
    }
    let status = child.wait()?;
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the child {}", in_words(status));
    Ok(false)
}

fn fate(stuck: bool) -> &'static str {
    if stuck { "sleeps for ever" } else { "goes on" }
}

const CLEAN: &str = "nobody panics while holding the lock";

// ANCHOR: match
/// The guard is a temporary of the expression after `match`, and lives as long as the match.
fn match_long() {
    let state = Mutex::new(1);
    match *state.lock().expect(CLEAN) {
        0 => println!("free"),
        now => *state.lock().expect(CLEAN) = now + 1,
    }
}

fn match_short() {
    let state = Mutex::new(1);
    let now = *state.lock().expect(CLEAN); // The guard is gone at the semicolon.
    match now {
        0 => println!("free"),
        now => *state.lock().expect(CLEAN) = now + 1,
    }
}
// ANCHOR_END: match

fn twice() {
    let lock = Mutex::new(());
    let _first = lock.lock();
    let _second = lock.lock();
}

fn once() {
    let lock = Mutex::new(());
    drop(lock.lock());
    drop(lock.lock());
}

fn read_twice() {
    read_behind_a_writer(|lock, a_writer_waits| {
        let _first = lock.read();
        a_writer_waits();
        let _second = lock.read(); // Behind the writer, which is behind the first.
    });
}

fn read_anew() {
    read_behind_a_writer(|lock, a_writer_waits| {
        let first = lock.read();
        a_writer_waits();
        drop(first);
        let _second = lock.read();
    });
}

/// Runs `reader`, and when it asks for it a writer that comes to wait.
fn read_behind_a_writer(reader: fn(&RwLock<()>, &dyn Fn())) {
    let lock = RwLock::new(());
    std::thread::scope(|threads| {
        let a_writer_waits = || {
            let (tell, told) = std::sync::mpsc::channel();
            let writer = std::thread::Builder::new().spawn_scoped(threads, {
                let lock = &lock;
                move || {
                    let _ = tell.send(gettid());
                    drop(lock.write());
                }
            });
            // Without a writer that waits there is nothing to see.
            if let Err(error) = writer {
                give_up(&explain_io("thread")(error));
            }
            let waits = told.recv().context("the writer has ended").and_then(|writer| {
                let waits = comes_to_block_in(writer, libc::SYS_futex, LIMIT / 4)?;
                // It is asleep in `send` no more, and has nothing else to sleep for.
                std::thread::sleep(Duration::from_millis(1));
                ensure!(waits, "the writer did not come to wait");
                Ok(())
            });
            waits.unwrap_or_else(|error| give_up(&error));
        };
        reader(&lock, &a_writer_waits);
    });
}
