//! A pipe: bytes go in at one end and come out at the other, in order.
//!
//! It is the oldest way for two processes to talk, and the one that shells are built on. It has a
//! capacity, so a fast writer waits; it has an end, when nobody is left that could write; and it
//! has no messages, only bytes.
//!
//! Source: pipe(2), pipe(7), fifo(7), wait(2).

#![cfg(target_os = "linux")]

mod capacity;
mod claims;
mod fifo;
mod minimal;
mod pipeline;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "pipes",
    about: "pipes: a stream of bytes between processes, its ends, its capacity, its name",
    experiments: &[
        minimal::EXPERIMENT,
        pipeline::EXPERIMENT,
        capacity::EXPERIMENT,
        fifo::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[fifo::WRITER],
    breaks: include_str!("../breaks.toml"),
};
