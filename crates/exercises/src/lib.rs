//! Sixteen exercises, and what their checks stand on.

mod channel;
mod output;
mod signals;

#[cfg(feature = "explored")]
pub mod explored;
pub mod report;
#[cfg(feature = "weak")]
pub mod weak;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

pub use channel::{DESCRIPTOR, LONGEST, WHERE_ARE_YOU};
#[cfg(feature = "process")]
pub use nix;

use report::{Failure, Kind, Place, Report};

/// The name under which an exercise's checks are compiled.
pub const CHECKS: &str = "checks.rs";

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
    /// returns under each of them, and no thread is left.
    #[cfg(feature = "explored")]
    pub const fn explored(name: &'static str, body: fn()) -> Check {
        Check { name, body, how: How::Explored }
    }

    /// A check that runs under every execution that the memory model allows, up to the number in
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
    /// How many schedules to try.
    pub schedules: u64,
    /// Whether to try all schedules first, as far as that number goes.
    pub exhaustive: bool,
    /// Where the choice of schedules begins.
    pub seed: u64,
    /// The one schedule to run.
    pub replay: Option<String>,
}

impl Order {
    /// Writes the order as text.
    pub fn to_text(&self) -> String {
        let replay = self.replay.as_deref().unwrap_or("-");
        let Order { check, schedules, exhaustive, seed, .. } = self;
        format!("{check}\n{schedules}\n{exhaustive}\n{seed}\n{replay}\n")
    }

    fn from_text(text: &str) -> Option<Order> {
        let mut lines = text.lines();
        Some(Order {
            check: lines.next()?.to_owned(),
            schedules: lines.next()?.parse().ok()?,
            exhaustive: lines.next()?.parse().ok()?,
            seed: lines.next()?.parse().ok()?,
            replay: lines.next().filter(|replay| *replay != "-").map(str::to_owned),
        })
    }
}

/// The `main` of an exercise's checks: runs the one that the grader orders.
pub fn serve(checks: &[Check]) {
    let Some(order) = channel::receive() else {
        eprintln!("This program is run by `cargo grade`.");
        std::process::exit(2);
    };
    signals::install();
    std::panic::set_hook(Box::new(|info| {
        let message = words(info.payload());
        let mut panics = PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        panics.push((message, info.location().map(Place::from)));
    }));
    let Some(check) = checks.iter().find(|check| check.name == order.check) else {
        channel::send("unknown", &order.check);
        std::process::exit(2);
    };
    channel::send("begin", check.name);
    let report = match check.how {
        How::Plain => plain(check.body),
        #[cfg(feature = "explored")]
        How::Explored => explored::explore(check.body, &order),
        #[cfg(feature = "weak")]
        How::Modelled => weak::model(check.body, &order),
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
    let failure = catch_unwind(AssertUnwindSafe(body)).err().map(|_| {
        let (message, place) = cause().unwrap_or_default();
        let kind = match &place {
            Some(place) if place.file == CHECKS => Kind::Wrong,
            _ => Kind::Panic,
        };
        Failure::plain(kind, message, place)
    });
    Report { failure, ..Report::default() }
}

static PANICS: Mutex<Vec<(String, Option<Place>)>> = Mutex::new(Vec::new());

/// The last panic that does more than pass another one on.
fn cause() -> Option<(String, Option<Place>)> {
    let panics = PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let own = |message: &str| {
        !message.contains("on an `Err` value: Any") && !message.contains("PoisonError")
    };
    panics.iter().rfind(|(message, _)| own(message)).or(panics.last()).cloned()
}

#[cfg(feature = "weak")]
fn first_panic() -> Option<(String, Option<Place>)> {
    PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).first().cloned()
}

/// The first panic, for a crash that came out of one.
fn last_panic() -> Option<String> {
    PANICS.try_lock().ok()?.first().map(|(message, place)| match place {
        Some(place) => format!("{message} ({}:{})", place.file, place.line),
        None => message.clone(),
    })
}

fn words(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}
