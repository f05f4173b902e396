//! `std` as a model: the names of `std::sync`, `std::thread` and `std::time`, and behind them something
//! that tries what a machine may do, and not only what it happens to do.
//!
//! - `explored` runs a program under thousands of schedules. Its threads are coroutines of one
//!   thread of the operating system, and a scheduler decides at each step who runs.
//! - `weak` runs a small program under the executions that weakly ordered memory allows.
//!
//! Both answer with a [`report::Report`]: how many executions there were, and, if one has failed, what
//! happened in it, who waits for what, and the schedule that leads there again.
//!
//! # How a program sees it
//!
//! It says `std::sync` as any program does. `std/explored.rs` and `std/weak.rs` are libraries that are
//! given to the compiler under the name `std` (`rustc --extern std=libstd_explored.rlib`). A program
//! that is built by Cargo names the modules instead:
//!
//! ```
//! # #[cfg(feature = "explored")] {
//! use explorer::Search;
//! use explorer::explored::sync::{Arc, Mutex};
//! use explorer::explored::{explore, thread};
//!
//! fn in_two_orders() {
//!     let (a, b) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
//!     let (c, d) = (a.clone(), b.clone());
//!     let other = thread::spawn(move || *c.lock().unwrap() + *d.lock().unwrap());
//!     let _sum = *b.lock().unwrap() + *a.lock().unwrap();
//!     other.join().unwrap();
//! }
//!
//! let search = Search { schedules: 1000, seed: 1, ..Search::default() };
//! let failure = explore(in_two_orders, &search).failure.expect("they wait for each other");
//! assert_eq!(failure.kind, explorer::report::Kind::Deadlock);
//!
//! // The schedule that leads there, and nothing else.
//! let again = Search { replay: failure.replay, ..Search::default() };
//! assert_eq!(explore(in_two_orders, &again).schedules, 1);
//! # }
//! ```
//!
//! # What is modelled where schedules are explored
//!
//! - Every stable item of `std::sync`, `std::sync::atomic`, `std::sync::mpsc`, `std::thread`,
//!   `std::time`, `std::hint` and `std::panic`, with std's bounds, auto traits and constness; a test
//!   compares them with what std documents.
//! - That waits of condition variables and `park` end for no reason, and that
//!   `compare_exchange_weak` fails for none: in every second execution. `park` does so at most twice
//!   for each thread.
//! - Time as a clock that stands still while threads run, and goes on to the end of a sleep or of a
//!   wait with a limit when the scheduler lets that end. So a thread sleeps at least as long as it
//!   says, and sleeping orders nothing. A limit that is more than a minute off passes only when nobody
//!   can run, the nearest first, or not at all ([`explored::set_patience`]), or when the program says so
//!   ([`explored::until_limits_pass`]), and one that is later than the last `Instant` never does.
//! - Giving way. Every second execution passes over `yield_now`, `spin_loop` and `sleep`, up to 32
//!   times in a row, and in the others many in a row are a few. So nobody keeps apart in time what is
//!   to be tried together.
//! - Reader-writer locks that let nobody read while somebody waits to write.
//! - A panic, which ends its thread and goes to whoever joins it. One of the first thread ends the
//!   execution.
//!
//! What is found: assertions that fail (`wrong`, `panic`), threads that wait for ever (`deadlock`),
//! that run on for 20,000 steps, or as many as the program allows (`livelock`), and that are left when
//! all others have ended (`thread`).
//!
//! # What is not
//!
//! - Orderings weaker than `SeqCst`: see `weak`.
//! - What is not an operation of these modules is not a step: two threads that share memory by
//!   `unsafe` code alone, or by `Arc`'s counts, come between each other only at other operations.
//! - Files, paths, the network, processes and the environment are not in the library that stands in
//!   for `std`.
//! - A static keeps what an execution has put into it, as memory does; but locks in statics are free
//!   in the next one, and `Once`, `OnceLock` and `LazyLock` have not happened.
//! - Schedules are tried by chance, unless they are few enough to be tried all
//!   ([`Search::exhaustive`]): that none failed is no proof.
//! - More than 2,048 threads that have not ended, and stacks smaller than two mebibytes.
//! - `LazyLock::new` takes what makes the value by copy if it is in a static.

#![cfg(target_os = "linux")]

#[cfg(feature = "explored")]
pub mod explored;
#[cfg(any(feature = "explored", feature = "weak"))]
mod output;
pub mod panics;
pub mod report;
pub mod schedule;
pub mod walk;
#[cfg(feature = "weak")]
pub mod weak;

/// The file whose assertions decide: a panic there means that the program did what it should not.
pub const CHECKS: &str = "checks.rs";

/// What is to be tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// How many schedules to try.
    pub schedules: u64,
    /// Whether to try all schedules first, as far as that number goes.
    pub exhaustive: bool,
    /// Where the choice of schedules begins.
    pub seed: u64,
    /// The one schedule to run.
    pub replay: Option<String>,
    /// To follow that one, or none, step by step, and what to do then.
    pub then: Option<walk::Then>,
}
