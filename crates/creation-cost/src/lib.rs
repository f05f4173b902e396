//! What it costs to make a thread or a process and to wait for its end.
//!
//! On Linux one system call makes both. The price depends on what the new task gets of its own:
//! a stack, a copy of the page tables, or a program loaded from a file. The name has no price.
//!
//! Source: clone(2), fork(2), posix_spawn(3), pthread_create(3).

#![cfg(target_os = "linux")]

mod calls;
mod claims;
mod inside;
mod kernel_stacks;
mod making;
mod memory;
mod sweep;
mod table;
mod tracing;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "creation-cost",
    about: "what a thread costs to make, what a process, and what the price is for",
    experiments: &[table::EXPERIMENT, sweep::EXPERIMENT, inside::EXPERIMENT],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
