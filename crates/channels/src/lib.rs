//! A channel: a queue between threads. What goes in belongs to whoever takes it out.
//!
//! A message changes its owner, and so needs no lock; a bounded channel holds a fast sender back;
//! a thread can wait for several channels at once. There are std's, with one receiver, and those of
//! the crate crossbeam, with several and with `select!`.
//!
//! Source: the documentation of `std::sync::mpsc` and of `crossbeam::channel`.

#![cfg(target_os = "linux")]

mod bounded;
mod handoff;
mod pipeline;
mod select;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "channels",
    about: "channels: a message and its ownership go from thread to thread",
    experiments: &[
        handoff::EXPERIMENT,
        bounded::EXPERIMENT,
        select::EXPERIMENT,
        pipeline::EXPERIMENT,
    ],
    claims: &[],
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
