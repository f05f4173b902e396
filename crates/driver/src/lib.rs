//! Judges a program that nobody trusts, from outside.
//!
//! Three kinds of processes take part. The *driver* runs one check; it is the program that an
//! exercise's `checks.rs` becomes, and the submission's code is not in it. The *submission's program*
//! is the submission behind a thin [`shim`]: it takes requests over a socket, calls the submission's
//! functions, and sends back what they return. *Puppets* are the commands that the submission is asked
//! to run: they do what the driver tells them, when it tells them, so that nobody can know how one
//! will end without running it and waiting for it.
//!
//! The driver makes inputs from a seed of the run, compares answers, and looks at effects in `/proc`:
//! who is whose child, what is a zombie, which descriptors, threads, mappings and files are left. What
//! remains to a cheat is to compute the right answer.
//!
//! # A check
//!
//! ```ignore
//! use driver::{Check, Run, serve};
//!
//! fn main() {
//!     serve(&[Check::new("codes", codes)]);
//! }
//!
//! /// The second of two commands ends first.
//! fn codes(run: &Run) {
//!     let submission = run.submission();
//!     let commands = run.commands(2);
//!     submission.begin("run_all", &words(&commands));
//!     let [first, second] = [0, 1].map(|it| run.started(&submission, &commands[it]));
//!     second.exits(3);
//!     first.exits(200);
//!     let codes: Vec<i32> = submission.answer();
//!     run.expect("the codes of two commands, of which the second ended first", &codes, &[200, 3]);
//! }
//! ```
//!
//! A check returns if all is as it should be, and otherwise ends by [`fail`], which everything here
//! calls that sees the submission do something else: return too early, panic, crash, hang.
//!
//! # What it does not see
//!
//! The submission may answer requests itself, without its functions: whatever it answers must then be
//! right all the same. It may look into `/proc` as everybody may, but not into the driver.
//!
//! # Decoys
//!
//! Some runs are told to fail whatever comes ([`Order::decoy`]). They look like all others from
//! inside, so a report of success from one is forged.

#![cfg(target_os = "linux")]

mod channel;
pub mod clock;
pub mod observe;
mod puppet;
mod random;
mod report;
mod rest;
mod run;
pub mod session;
pub mod shim;
mod stage;
pub mod stepping;
mod unstartable;
mod wire;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

pub use channel::{DESCRIPTOR, LONGEST, Order};
pub use nix;
pub use random::{Random, mixed, sum_of_multiples};
pub use report::{Finding, Report};
pub use run::{PUPPET, Puppet, Role, Run, STOPPING, words};
#[doc(inline)]
pub use session::{Event, Session};
pub use shim::Arguments;
pub use unstartable::Unstartable;
pub use wire::{Failure, Wire};

/// One check of an exercise.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    name: &'static str,
    body: fn(&Run),
}

impl Check {
    /// It passes if `body` returns.
    pub const fn new(name: &'static str, body: fn(&Run)) -> Check {
        Check { name, body }
    }
}

/// Ends the check with a finding: the word for it, as in `exercise.toml`, and a sentence.
pub fn fail(word: &str, message: impl Into<String>) -> ! {
    panic_any(Finding { word: word.to_owned(), message: message.into() })
}

/// The `main` of an exercise's checks: runs the one that the grader orders.
pub fn serve(checks: &[Check]) {
    let mut arguments = std::env::args();
    if arguments.nth(1).is_some_and(|first| first == puppet::ARGUMENT) {
        puppet::play(&arguments.next().unwrap_or_default());
    }
    let Some(order) = channel::receive() else {
        eprintln!("This program is run by `cargo grade`.");
        std::process::exit(2);
    };
    let Some(check) = checks.iter().find(|check| check.name == order.check) else {
        channel::send("unknown", &order.check);
        std::process::exit(2);
    };
    std::panic::set_hook(Box::new(|info| {
        if !info.payload().is::<Finding>() {
            let at = info.location().map(|at| format!(" at {at}")).unwrap_or_default();
            channel::send("broken", &format!("{}{at}", words_of(info.payload())));
        }
    }));
    channel::send("begin", check.name);
    let decoy = order.decoy;
    let run = Run::new(order);
    let mut report = Report::default();
    match catch_unwind(AssertUnwindSafe(|| (check.body)(&run))) {
        Ok(()) if decoy => {
            let message = "This run cannot be passed.".to_owned();
            report.finding = Some(Finding { word: "decoy".to_owned(), message });
        }
        Ok(()) => {}
        Err(payload) => match payload.downcast::<Finding>() {
            Ok(finding) => report.finding = Some(*finding),
            // The hook has told of it.
            Err(_) => std::process::exit(2),
        },
    }
    report.spins = run.spins();
    report.left = run.left();
    if report.finding.is_some() {
        // A check that has failed has not tidied up after itself.
        report.left.retain(|(word, _)| matches!(word.as_str(), "zombie" | "running" | "thread"));
    }
    channel::send("end", &report.to_text());
    channel::wait_for_grader();
    // SAFETY: _exit(2) is always safe to call.
    unsafe { libc::_exit(0) };
}

/// So many of something, in words: `1 byte`, `2 bytes`.
pub fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The words of a panic.
fn words_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}
