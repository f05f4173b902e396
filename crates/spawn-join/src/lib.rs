//! Start a task, wait for its end, take its result: as a thread, and as a process.
//!
//! The calls look alike. What comes back does not: a thread hands over any value, a process a
//! number of eight bits, and whatever else must go through a pipe or a file.
//!
//! Source: pthread_join(3), wait(2), `std::thread::JoinHandle`, `std::process::Command`.

#![cfg(target_os = "linux")]

mod claims;
mod interpreter;
mod process;
mod python;
mod task;
mod thread;
mod what_survives;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "spawn-join",
    about: "Spawn and join: the same task as a thread and as a process, and how its result returns",
    experiments: &[
        thread::EXPERIMENT,
        process::EXPERIMENT,
        what_survives::EXPERIMENT,
        python::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[process::ROLE],
    breaks: include_str!("../breaks.toml"),
};
