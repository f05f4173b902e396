//! State that several threads use: whole or torn, locked, swapped, handed over.
//!
//! Threads need nothing to exchange data but memory. What they do need is a rule by which a reader
//! sees a state that some writer meant, and not half of one and half of the next.
//!
//! Sources: std::sync::{RwLock, Arc, mpsc}; pthread_rwlock_rdlock(3); H.-J. Boehm, "Threads cannot
//! be implemented as a library", PLDI 2005.

#![cfg(target_os = "linux")]

mod claims;
mod game;
mod hand_over;
mod readers_writer;
mod snapshot;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "shared-state",
    about: "shared state: what one thread writes and another must see whole",
    experiments: &[
        hand_over::EXPERIMENT,
        game::EXPERIMENT,
        readers_writer::EXPERIMENT,
        snapshot::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
