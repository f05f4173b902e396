//! Sixteen exercises, and what their checks stand on.
//!
//! # What an exercise is
//!
//! A directory of this crate. Its name is what a learner types: `cargo grade bounded-queue`.
//!
//! ```text
//! bounded-queue/
//!   exercise.toml     title, kind, checks with points, and why each wrong variant is wrong
//!   starter.rs        what the learner begins with; it compiles
//!   solution.rs       the solution that is shown
//!   another.rs        a second right solution, written differently
//!   wrong/*.rs        at least five variants that learners really write
//!   checks.rs         a program: what must be true of a submission
//!   hints.md          three hints, each saying more, parted by a line `---`
//!   explanation.md    why the solution is right and the common wrong ways fail
//! ```
//!
//! `cargo grade verify NAME` proves it: the starter fails as `exercise.toml` says and earns at most a
//! quarter of the points, both solutions pass, and every wrong variant is caught by the named check
//! with the named finding.
//!
//! # A submission is one file of plain Rust
//!
//! It is compiled as a library of the exercise's name with underscores, alone: `checks.rs` says
//! `use bounded_queue::BoundedQueue;`. It says `std::sync` and `std::thread` as any program does.
//! Where schedules are explored, the grader gives the compiler another library under the name
//! `std` (and `core`, and `alloc`): the same names, and behind `sync`, `thread`, `thread_local!`
//! and `hint::spin_loop` a scheduler that tries interleavings. `checks.rs` is compiled against the
//! same library, so it also says `std::thread::spawn`. There is no way round it, and no facade to
//! learn. Compiled with the usual `std`, the same file is a usual program.
//!
//! # The three kinds
//!
//! - `explored`, for threads: each check runs under thousands of schedules (half of them random,
//!   half by probabilistic concurrency testing with two and with three preemptions), and fails at
//!   the first that fails; then a shorter one is looked for. Waits of condition variables end for
//!   no reason in every second execution, and `compare_exchange_weak` fails for none, as the
//!   standard allows. Offered: `Arc`, `Weak`, `Mutex`, `RwLock`, `Condvar`, `Barrier`, `Once`,
//!   `mpsc`, atomics (every ordering counts as `SeqCst`), `thread` with scopes, `Builder`, park.
//!   Not offered: `OnceLock`, `LazyLock`. Time is not modelled: `sleep` only yields, and waits with
//!   a limit end at any moment. A panic of a thread goes to who joins it; one that nobody joins
//!   fails the check. So does a thread that is left when everything else has ended.
//! - `weak`, for orderings: each check runs under every execution that the memory model allows, up
//!   to three preemptions. Offered: `Arc`, atomics with their orderings, `fence`, `Mutex`,
//!   `Condvar`, `RwLock`, `mpsc`, `thread` without scopes (at most four besides the first),
//!   `hint::spin_loop`, and `cell::UnsafeCell`, whose `get` counts as an exclusive access at that
//!   moment: call it anew for each access, and never share what it gave. None of it can be made in
//!   a `const`. Keep models small: two or three threads, two or three operations each.
//!   It does not find what takes four preemptions, nor what takes reading a value more than seven
//!   stores old. Of each thread it remembers only the last access to an atomic or a cell, so the
//!   line that a report of a race names may be that of a later access than the one that raced:
//!   expect the finding, not the line. `SeqCst` means no more to it than `AcqRel`, except in a
//!   `fence`: an exercise that needs more would fail right submissions.
//! - `process`, for processes: each check runs once, with the real `std`, `nix` and `libc`, in a
//!   process of its own. It may run commands of `/bin` and `/usr/bin`, use the directory of
//!   `std::env::temp_dir()` (`$TMPDIR`), which is empty and its own, and see `/proc`, where only its
//!   own processes are. Named shared memory is its own too, where there is a mount namespace. There is no
//!   network, only Unix sockets. The clock decides nothing but that something hangs.
//!
//! # `exercise.toml`
//!
//! ```toml
//! title = "Bounded queue"            # heading
//! concept = "mutexes"                # the crate and chapter it belongs to
//! kind = "explored"                  # or "weak", "process"
//! task = "Make push wait while ..."  # one or two sentences
//! unsafe = false                     # whether a submission may contain `unsafe`
//! seconds = 10.0                     # for all checks together; this is the default
//!
//! [tidy]                             # points for leaving nothing behind; without this table,
//! points = 2                         # what is left behind fails the check that left it
//!
//! [[check]]                          # in the order in which they are run and shown
//! name = "nothing-lost"              # as in checks.rs
//! says = "every item is popped once" # what is true if it passes
//! points = 2
//! schedules = 2000                   # explored: 10,000 or more over all checks; weak: a limit
//! exhaustive = false                 # explored: try all schedules first, up to that number
//! seconds = 5.0                      # by the clock; this is the default
//!
//! [starter]                          # why the starter fails
//! check = "nothing-lost"
//! finding = "wrong"
//! why = "pop gives up instead of waiting."
//!
//! [wrong.close-wakes-one]            # wrong/close-wakes-one.rs
//! check = "close-wakes-all"          # a check, or "tidy", or "compile"
//! finding = "deadlock"
//! why = "Wakes one waiter at the close; the others wait for ever."
//! ```
//!
//! The words for findings: `wrong` (an assertion of the checks failed), `panic` (of the
//! submission), `deadlock`, `livelock` (runs without getting anywhere), `race` (weak), `stuck` (its
//! time was up), `crash` (a signal), `ended-early` (it ended itself), `strayed` (a forked child came
//! back out of the function), `memory`, `processes`, `disk`, `output`, `forged`; left behind: `zombie`, `running`,
//! `thread`, `descriptor`, `shared-memory`, `file`; and with the check `compile`: `compile` and
//! `refused`.
//!
//! # `checks.rs`
//!
//! ```ignore
//! use bounded_queue::BoundedQueue;
//! use exercises::{Check, serve};
//!
//! fn main() {
//!     serve(&[
//!         Check::explored("nothing-lost", nothing_lost),   // also Check::modelled, Check::plain
//!     ]);
//! }
//!
//! fn nothing_lost() {
//!     let queue = Arc::new(BoundedQueue::new(1));
//!     // ... threads, joins, and assertions with a sentence that says what was tried:
//!     assert_eq!(queue.pop(), Some(1), "popping the oldest item");
//! }
//! ```
//!
//! - A check is a function that returns or panics. A panic whose place is in `checks.rs` is the
//!   finding `wrong`, any other one `panic`; a panic in a thread is found by joining it with
//!   `unwrap`. Write assertions so that their message reads: what was tried, what was expected, what
//!   came.
//! - Compare with `==` only values whose type is not the submission's, or its `PartialEq` decides.
//!   So state the type of each function, with `const _: fn(&Queue<i32>) -> Option<i32> = Queue::pop;`
//!   before `main`, and name the type where a result is compared: otherwise a submission may return
//!   something that is equal to everything.
//! - Name threads (`thread::Builder::new().name(...)`): the names head the columns of a
//!   counter-example. Locks are named by the field or variable that they are made for.
//! - A check that something is *not* done (no more threads, no lock for all, no waiting) also demands
//!   that the work is done, or those who have done nothing pass it.
//! - To prove that something must be able to proceed, make it necessary: hold one thing up, and let
//!   the check go on only when the other has happened. Over-synchronisation is then a deadlock, and
//!   the clock decides nothing. To prove that a thread sleeps instead of spinning,
//!   `exercises::explored::until_others_block` (not with `exhaustive`).
//! - A body is run thousands of times in one process, so it must not depend on state that survives
//!   it, nor do what cannot be taken back.
//! - Each check runs in a process of its own, so that one that crashes or hangs costs only itself.
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
mod output;
mod signals;

#[cfg(feature = "explored")]
pub mod explored;
pub mod report;
#[cfg(feature = "weak")]
pub mod weak;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

pub use channel::{ANSWER, DESCRIPTOR, LONGEST, WHERE_ARE_YOU};
#[cfg(feature = "process")]
pub use nix;
pub use output::of_submission;

use report::{Failure, Kind, Panicked, Place, Report};

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
        let thread = std::thread::current().name().unwrap_or("a thread without a name").to_owned();
        let (message, place) = (words(info.payload()), info.location().map(Place::from));
        let mut panics = PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        panics.push(Panicked { thread, message, place });
    }));
    let Some(check) = checks.iter().find(|check| check.name == order.check) else {
        channel::send("unknown", &order.check);
        std::process::exit(2);
    };
    #[cfg(feature = "explored")]
    if let Some(replay) = &order.replay
        && !explored::is_schedule(replay)
    {
        channel::send("no-schedule", replay);
        std::process::exit(2);
    }
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
    let failure = catch_unwind(AssertUnwindSafe(body)).err().map(|payload| {
        // A panic that is resumed has no place.
        let (message, place) = cause(&panics())
            .map_or_else(|| (words(payload.as_ref()), None), |it| (it.message, it.place));
        let kind = match &place {
            Some(place) if place.file == CHECKS => Kind::Wrong,
            _ => Kind::Panic,
        };
        Failure::plain(kind, message, place)
    });
    Report { failure, ..Report::default() }
}

/// The panics of this process, where there are no explored threads.
static PANICS: Mutex<Vec<Panicked>> = Mutex::new(Vec::new());

fn panics() -> Vec<Panicked> {
    PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

/// Begins anew: the panics so far were expected.
#[cfg(feature = "weak")]
fn forget_panics() {
    PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
}

/// The panic that explains the others: the last that does more than pass another one on.
fn cause(panics: &[Panicked]) -> Option<Panicked> {
    panics.iter().rfind(|panic| !passes_on(&panic.message)).or(panics.last()).cloned()
}

/// Whether a panic only says that there was another one: of a thread that was joined or that has
/// poisoned a lock.
fn passes_on(message: &str) -> bool {
    message.contains("on an `Err` value: Any")
        || message.contains("PoisonError")
        || message == "a scoped thread panicked"
}

/// The panics so far, for a signal handler; empty if somebody is just changing them.
fn panics_so_far() -> Vec<Panicked> {
    #[cfg(feature = "explored")]
    if let Some(panics) = explored::panics_so_far() {
        return panics;
    }
    PANICS.try_lock().map(|panics| panics.clone()).unwrap_or_default()
}

fn words(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}
