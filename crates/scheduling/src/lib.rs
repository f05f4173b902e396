//! Scheduling: which thread runs on which CPU, when, and for how long.
//!
//! The kernel shares CPUs among threads, by weight, and among groups of them before that. Policy,
//! nice value and set of allowed CPUs belong to each thread.
//!
//! Source: sched(7), setpriority(2), sched_setscheduler(2), sched_setaffinity(2), cgroups(7);
//! I. Stoica and H. Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995.

#![cfg(target_os = "linux")]

mod affinity;
mod claims;
mod contest;
mod fairness;
mod nice;
mod policies;
mod starvation;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "scheduling",
    about: "scheduling: how the kernel shares the CPUs out among threads",
    experiments: &[
        fairness::EXPERIMENT,
        nice::EXPERIMENT,
        starvation::EXPERIMENT,
        policies::EXPERIMENT,
        affinity::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
