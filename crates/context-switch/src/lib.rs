//! A context switch: the kernel puts one task's registers away and takes another's, and if that one
//! has another address space, changes that too.
//!
//! The change itself costs little. What it leaves to be fetched again, caches and translations of
//! addresses, may cost more, and to wake another CPU may cost more than either.
//!
//! Sources: sched(7), getrusage(2), proc_pid_status(5), eventfd(2), sched_setaffinity(2),
//! perf_event_open(2); C. Li, C. Ding, K. Shen, "Quantifying the Cost of Context Switch", ExpCS 2007.

#![cfg(target_os = "linux")]

mod claims;
mod counters;
mod cross_cpu;
mod direct;
mod perf;
mod round_trip;
mod working_set;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "context-switch",
    about: "what it costs to go from one task to another, and why",
    experiments: &[
        direct::EXPERIMENT,
        working_set::EXPERIMENT,
        cross_cpu::EXPERIMENT,
        counters::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
