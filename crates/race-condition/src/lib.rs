//! A race condition: the result depends on who comes first.
//!
//! Two threads read, change and write the same memory. If one comes between the other's read and
//! its write, an update is lost or a value is seen that nobody wrote. Usually it goes well, so each
//! race is forced here first, then left to chance. Safe Rust refuses *data* races, and those only.
//!
//! Source: the Rust Reference on data races; M. Bos, Rust Atomics and Locks, chapters 1 to 3.

#![cfg(target_os = "linux")]

mod claims;
mod compile_fail;
mod false_sharing;
mod lost_update;
mod orderings;
mod side_by_side;
mod smallest_sum;
pub mod store_buffer;
mod torn_read;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "race-condition",
    about: "race conditions: when the result depends on who comes first",
    experiments: &[
        lost_update::EXPERIMENT,
        smallest_sum::EXPERIMENT,
        torn_read::EXPERIMENT,
        compile_fail::EXPERIMENT,
        orderings::EXPERIMENT,
        false_sharing::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
