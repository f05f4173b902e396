//! What the checks of an exercise are written with: a check is a function, and [`serve`] runs the one
//! that the grader orders. How checks are written stands at the top of the crate `exercises`.
//!
//! # How a verdict comes about
//!
//! The checks are a program that only the grader starts. It gets a secret and the name of one check
//! over a channel (descriptor 3), says that the check begins, runs it, says how it ended, and waits;
//! the grader then looks from outside at what was left behind, and only then lets it go. What is
//! printed, and how the process ends, counts for nothing. The secret keeps accidents and simple
//! tricks away; a submission runs in the same process as its checks, so one that searches its own
//! memory could find it.

#![cfg(target_os = "linux")]

mod channel;
mod signals;

use std::panic::{AssertUnwindSafe, catch_unwind};

use explorer::report::{Failure, Kind, Report};
use explorer::walk::Then;
use explorer::{Search, panics};

pub use channel::{ANSWER, DESCRIPTOR, LONGEST, WHERE_ARE_YOU};
pub use explorer::CHECKS;
#[cfg(feature = "explored")]
pub use explorer::explored::{
    any_of, barriers, set_most_steps, set_processors, threads, until_limits_pass,
    until_others_block,
};
#[cfg(feature = "weak")]
pub use explorer::weak::{allocated, last_wait, operations, silent_spins, waits};

/// Numbers at which some type, or the sign of one, comes to its end: for checks of what holds for every
/// value.
pub const EDGES: [u64; 16] = [
    0,
    1,
    u8::MAX as u64,
    1 << 8,
    u16::MAX as u64,
    1 << 16,
    1 << 31,
    u32::MAX as u64,
    1 << 32,
    (1 << 32) + 1,
    (1 << 53) + 1,
    i64::MAX as u64,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX - 1,
    u64::MAX,
];

/// One check of an exercise.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    name: &'static str,
    body: fn(),
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Plain,
    #[cfg(feature = "explored")]
    Explored,
    #[cfg(feature = "weak")]
    Modelled,
}

impl Check {
    /// A check that runs once. It passes if `body` returns.
    pub const fn plain(name: &'static str, body: fn()) -> Check {
        Check { name, body, how: How::Plain }
    }

    /// A check that runs under as many schedules as `exercise.toml` says. It passes if `body`
    /// returns under each of them, and no thread is left. A wait that only a limit of more than a
    /// minute ends is one for ever.
    #[cfg(feature = "explored")]
    pub const fn explored(name: &'static str, body: fn()) -> Check {
        Check { name, body, how: How::Explored }
    }

    /// A check that runs under every execution that [`explorer::weak`] visits, up to the number in
    /// `exercise.toml`.
    #[cfg(feature = "weak")]
    pub const fn modelled(name: &'static str, body: fn()) -> Check {
        Check { name, body, how: How::Modelled }
    }
}

/// What the grader asks of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The name of the check.
    pub check: String,
    /// What is to be tried.
    pub search: Search,
}

impl Order {
    /// Writes the order as text.
    pub fn to_text(&self) -> String {
        let Order { check, search: Search { schedules, exhaustive, seed, replay, then } } = self;
        let replay = replay.as_deref().unwrap_or("-");
        let then = then.map_or("-", Then::word);
        format!("{check}\n{schedules}\n{exhaustive}\n{seed}\n{replay}\n{then}\n")
    }

    fn from_text(text: &str) -> Option<Order> {
        let mut lines = text.lines();
        let check = lines.next()?.to_owned();
        let search = Search {
            schedules: lines.next()?.parse().ok()?,
            exhaustive: lines.next()?.parse().ok()?,
            seed: lines.next()?.parse().ok()?,
            replay: lines.next().filter(|replay| *replay != "-").map(str::to_owned),
            then: lines
                .next()
                .and_then(|word| Then::WORDS.iter().find(|it| it.1 == word))
                .map(|it| it.0),
        };
        Some(Order { check, search })
    }
}

/// The `main` of an exercise's checks: runs the one that the grader orders.
pub fn serve(checks: &[Check]) {
    let Some(order) = channel::receive() else {
        eprintln!("This program is run by `cargo grade`.");
        std::process::exit(2);
    };
    signals::install();
    panics::keep();
    let Some(check) = checks.iter().find(|check| check.name == order.check) else {
        channel::send("unknown", &order.check);
        std::process::exit(2);
    };
    channel::send("begin", check.name);
    let report = match check.how {
        How::Plain => plain(check.body),
        #[cfg(feature = "explored")]
        How::Explored => {
            explorer::explored::set_patience(false);
            explorer::explored::explore(check.body, &order.search)
        }
        #[cfg(feature = "weak")]
        How::Modelled => {
            explorer::weak::set_alone(true);
            explorer::weak::model(check.body, &order.search)
        }
    };
    if !channel::is_original() {
        // A copy of this process, made by the submission, has come out of the function that made
        // it, and would now go on as if it were the check.
        channel::send("strayed", "");
        // SAFETY: _exit(2) is always safe to call.
        unsafe { libc::_exit(1) };
    }
    channel::send("end", &report.to_text());
    channel::wait_for_grader();
    // SAFETY: _exit(2) is always safe to call.
    unsafe { libc::_exit(0) };
}

fn plain(body: fn()) -> Report {
    let failure = catch_unwind(AssertUnwindSafe(body)).err().map(|payload| {
        // A panic that is resumed has no place.
        let (message, place) = panics::cause(&panics::kept())
            .map_or_else(|| (panics::words(payload.as_ref()), None), |it| (it.message, it.place));
        let kind = match &place {
            Some(place) if place.file == CHECKS => Kind::Wrong,
            _ => Kind::Panic,
        };
        Failure::plain(kind, message, place)
    });
    Report { failure, ..Report::default() }
}
