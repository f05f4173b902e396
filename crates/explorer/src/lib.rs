//! `std` as a model: the names of `std::sync` and `std::thread`, and behind them something that tries
//! what a machine may do, and not only what it happens to do.
//!
//! - [`explored`] runs a program under thousands of schedules. Its threads are coroutines of one
//!   thread of the operating system, and a scheduler decides at each step who runs.
//! - [`weak`] runs a small program under the executions that weakly ordered memory allows.
//!
//! Both answer with a [`report::Report`]: how many executions there were, and, if one has failed, what
//! happened in it, who waits for what, and the schedule that leads there again.
//!
//! The program says `std::sync` as any program does. `std/explored.rs` and `std/weak.rs` are libraries
//! that are given to the compiler under the name `std` (`rustc --extern std=...`).

#![cfg(target_os = "linux")]

#[cfg(feature = "explored")]
pub mod explored;
pub mod output;
pub mod panics;
pub mod report;
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
}
