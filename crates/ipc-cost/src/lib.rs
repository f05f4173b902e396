//! A message between two processes, and what it costs: time, system calls, copies, code.
//!
//! Most comparisons of processes and threads compare a pipe between processes with a pointer
//! between threads. Here each mechanism is measured between both, with the same calls, on the same
//! CPU, in turn. What then differs is the boundary; what differs between rows is the mechanism.
//!
//! Sources: pipe(7), unix(7), mq_overview(7), futex(7), process_vm_readv(2), ptrace(2).

#![cfg(target_os = "linux")]

mod bandwidth;
mod claims;
mod complexity;
mod latency;
mod link;
mod per_message;
mod system_calls;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "ipc-cost",
    about: "What a message costs: between threads, between processes, by the kernel and without it",
    experiments: &[
        latency::EXPERIMENT,
        bandwidth::EXPERIMENT,
        per_message::EXPERIMENT,
        complexity::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
