//! What an idle thread and an idle process hold in memory, and how to count it.
//!
//! Both take a stack in the kernel. A process takes page tables of its own besides, and the pages
//! that it alone has written to. What several processes share is counted once for each of them by
//! the resident set size (RSS), and divided among them by the proportional one (PSS).
//!
//! Source: proc(5), proc_pid_smaps(5), getrlimit(2).

#![cfg(target_os = "linux")]

mod claims;
mod idle;
mod limits;
mod proc;
mod rss_vs_pss;
mod stacks;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "memory-footprint",
    about: "what an idle thread and an idle process hold in memory, and how to count it",
    experiments: &[
        idle::EXPERIMENT,
        rss_vs_pss::EXPERIMENT,
        stacks::EXPERIMENT,
        limits::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[rss_vs_pss::IDLE],
    breaks: include_str!("../breaks.toml"),
};
