//! A mutex lets one thread in at a time, and lets the others sleep in the meantime.
//!
//! Inside it is one word in memory. A lock that nobody else wants is taken and given back without
//! the kernel; only those who must wait call it, by futex(2). Here such a mutex is built in three
//! steps, and measured beside others: `cargo bench -p mutexes`.
//!
//! Source: U. Drepper, "Futexes Are Tricky" (2011); futex(2).

#![cfg(target_os = "linux")]

mod advisory;
mod asleep;
mod claims;
mod fairness;
mod futex;
mod guard;
mod mutex;
mod no_kernel;
mod poison;
mod priority_inversion;
mod readers_writer;
mod self_deadlock;
mod spin;
mod sync;
mod three_state;
mod turns;
mod two_state;

pub use mutex::{Guard, Lock, Mutex};
pub use spin::Spin;
pub use three_state::ThreeState;
pub use two_state::TwoState;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "mutexes",
    about: "mutexes: one at a time, who sleeps meanwhile, and what is not promised",
    experiments: &[
        guard::EXPERIMENT,
        futex::EXPERIMENT,
        fairness::EXPERIMENT,
        self_deadlock::EXPERIMENT,
        poison::EXPERIMENT,
        readers_writer::EXPERIMENT,
        priority_inversion::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
