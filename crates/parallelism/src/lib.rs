//! Parallelism: work on several CPUs at the same time.
//!
//! Threads and processes alike are spread over the CPUs. How much that brings depends on the part
//! of the work that cannot be divided, on the size of the pieces, and on what the workers share:
//! an address space, an allocator, an interpreter's lock, a core.
//!
//! Source: G. Amdahl, "Validity of the single processor approach", 1967; R. Blumofe and C.
//! Leiserson, "Scheduling multithreaded computations by work stealing", 1999; D. Tullsen, S. Eggers
//! and H. Levy, "Simultaneous multithreading", 1995.

#![cfg(target_os = "linux")]

mod claims;
mod contention;
mod crew;
mod gil;
mod granularity;
mod scaling;
mod smt;
mod team;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "parallelism",
    about: "parallelism: work on several CPUs at the same time",
    experiments: &[
        scaling::EXPERIMENT,
        granularity::EXPERIMENT,
        smt::EXPERIMENT,
        contention::EXPERIMENT,
        gil::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
