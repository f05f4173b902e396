//! A crash ends a process, with all its threads. Other processes do not even notice.
//!
//! The memory management unit and `exit` keep the harm inside one address space. What two
//! processes share on purpose carries harm all the same: a pipe, a lock, a record, a process
//! group. Each such channel is shown here, and beside it the guard that closes it.
//!
//! Source: signal(7), wait(2), exit_group(2), std::panic.

#![cfg(target_os = "linux")]

mod claims;
mod fault;
mod indirect;
mod out_of_memory;
mod panic;
mod process_matrix;
mod shared_memory;
mod soft_errors;
mod thread_matrix;
mod watched;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "crash-isolation",
    about: "crash isolation: who dies with a crash, who lives on, and how harm travels all the same",
    experiments: &[
        process_matrix::EXPERIMENT,
        thread_matrix::EXPERIMENT,
        panic::EXPERIMENT,
        soft_errors::EXPERIMENT,
        out_of_memory::EXPERIMENT,
        indirect::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[process_matrix::VICTIM],
    breaks: include_str!("../breaks.toml"),
};
