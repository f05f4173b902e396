//! `fork` makes a second process that continues at the same instruction with the same memory.
//!
//! The copy is made page by page, and only when one of the two writes. Descriptors are copied, but
//! what they refer to is shared; locks stay locked; other threads are not copied. `exec` keeps the
//! process and replaces what it runs.
//!
//! Source: fork(2), execve(2), POSIX.1-2024 fork().

#![cfg(target_os = "linux")]

mod claims;
mod copy_on_write;
mod inheritance;
mod inherited_lock;
mod refused;
mod returns_twice;
mod shared_offset;
mod snapshot;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "fork",
    about: "fork: one call, two returns, and what the copy shares with its original",
    experiments: &[
        returns_twice::EXPERIMENT,
        refused::EXPERIMENT,
        copy_on_write::EXPERIMENT,
        snapshot::EXPERIMENT,
        shared_offset::EXPERIMENT,
        inheritance::EXPERIMENT,
        inherited_lock::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[inheritance::ROLE],
    breaks: include_str!("../breaks.toml"),
};
