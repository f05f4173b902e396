//! `fork` makes a second process that continues at the same instruction with the same memory.
//!
//! The copy is made page by page, and only when one of the two writes. What is not memory is
//! another matter: open files stay shared, locks stay locked, and other threads are not copied.
//!
//! Source: fork(2), POSIX.1-2024 fork().

#![cfg(target_os = "linux")]

mod claims;
mod copy_on_write;
mod inherited_lock;
mod returns_twice;
mod shared_offset;
mod snapshot;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "fork",
    about: "fork: one call, two returns, and what the copy shares with its original",
    experiments: &[
        returns_twice::EXPERIMENT,
        copy_on_write::EXPERIMENT,
        shared_offset::EXPERIMENT,
        inherited_lock::EXPERIMENT,
        snapshot::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
