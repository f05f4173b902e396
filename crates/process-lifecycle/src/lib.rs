//! How a process begins and ends, who waits for it, and what a signal reaches.
//!
//! A process ends with its last thread, and leaves a status that its parent must ask for. If the
//! parent ends first, another takes its place. Signals are sent to a process and taken by a thread.
//!
//! Source: wait(2), prctl(2), pidfd_open(2), signal(7), pthreads(7), pthread_cancel(3).

#![cfg(target_os = "linux")]

mod claims;
mod fork_order;
mod leader_exit;
mod orphan;
mod pidfd;
mod signals;
mod stopping;
mod zombie;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "process-lifecycle",
    about: "process lifecycle: how one begins and ends, who waits for it, whom a signal reaches",
    experiments: &[
        fork_order::EXPERIMENT,
        zombie::EXPERIMENT,
        orphan::EXPERIMENT,
        pidfd::EXPERIMENT,
        leader_exit::EXPERIMENT,
        signals::EXPERIMENT,
        stopping::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[leader_exit::RETURNS],
    breaks: include_str!("../breaks.toml"),
};
