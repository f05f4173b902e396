//! A thread is a path of execution in a process: it runs the same program in the same memory.
//!
//! Of its own it has an id, registers, a stack, thread-local variables, `errno` and a signal
//! mask. Everything else belongs to the process, and ends when the process ends.
//!
//! Source: pthreads(7), clone(2), proc(5).

#![cfg(target_os = "linux")]

mod claims;
mod ids;
mod main_returns;
mod overflow;
mod proc;
mod process_wide;
mod registers;
mod scoped;
mod stacks;
mod thread_local;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "threads",
    about: "Threads: several paths of execution in one process, and what each has of its own",
    experiments: &[
        ids::EXPERIMENT,
        registers::EXPERIMENT,
        stacks::EXPERIMENT,
        scoped::EXPERIMENT,
        thread_local::EXPERIMENT,
        main_returns::EXPERIMENT,
        process_wide::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[main_returns::ROLE, process_wide::ROLE],
    breaks: include_str!("../breaks.toml"),
};
