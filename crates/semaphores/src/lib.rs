//! A semaphore: a number of permits that can be taken and given, and waiting when there is none.
//!
//! It is the oldest of the tools for taking turns, and the only one here that does not know who
//! has taken what. That makes it good for counting and for telling, and dangerous as a lock.
//!
//! Source: sem_overview(7); E. W. Dijkstra, "Cooperating sequential processes", 1965.

#![cfg(target_os = "linux")]

mod bounded;
mod buffer;
mod claims;
mod named;
mod or_mutex;
mod semaphore;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "semaphores",
    about: "semaphores: a number of permits, taken and given, by threads and by processes",
    experiments: &[
        bounded::EXPERIMENT,
        buffer::EXPERIMENT,
        named::EXPERIMENT,
        or_mutex::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[named::HOLDER],
    breaks: include_str!("../breaks.toml"),
};
