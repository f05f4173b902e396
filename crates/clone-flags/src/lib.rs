//! One system call makes processes, threads and what containers are made of: `clone`, whose flags
//! say what the new task shares with the one that calls.
//!
//! Without flags it is fork: memory, descriptor table, directory and signal actions are copied. Each
//! flag turns one copy into the same thing. With nearly all of them the new task is a thread; with
//! `CLONE_NEWPID` and its like it gets a view of the system that is its own.
//!
//! Source: clone(2), unshare(2), credentials(7), namespaces(7), nptl(7).

#![cfg(target_os = "linux")]

mod claims;
mod credentials;
mod fork;
mod matrix;
mod namespaces;
mod task;
mod things;
mod thread_as_process;
mod two_sides;
mod unshare;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "clone-flags",
    about: "one call, flag by flag: process, thread and container are points on it",
    experiments: &[
        fork::EXPERIMENT,
        matrix::EXPERIMENT,
        thread_as_process::EXPERIMENT,
        unshare::EXPERIMENT,
        credentials::EXPERIMENT,
        namespaces::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
