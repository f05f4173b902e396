//! A process is a run of a program: memory of its own, and what the kernel keeps for it.
//!
//! The program is a file and stays one. The process has an address space with the file's code in
//! it, a number, a parent, a user, a directory, open files, limits, and at least one thread that
//! runs, sleeps or is stopped until it ends and somebody asks for its status.
//!
//! Source: proc(5), execve(2), signal(7), POSIX.1-2024 (definitions 3.279 Process, 3.280 Process ID).

#![cfg(target_os = "linux")]

mod claims;
mod exec;
mod instances;
mod segments;
mod spreadsheet;
mod states;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "processes",
    about: "processes: a run of a program, and what the kernel keeps for it",
    experiments: &[
        segments::EXPERIMENT,
        instances::EXPERIMENT,
        exec::EXPERIMENT,
        states::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[spreadsheet::ROLE],
    breaks: include_str!("../breaks.toml"),
};
