//! A deadlock: each waits for something that another one holds, in a circle.
//!
//! Nothing is wrong with any single thread, so nothing crashes and nothing is printed. Two locks
//! in opposite order are enough; so are two processes with locked files, or two full pipes. Every
//! program here finds its own deadlock, says who waits for whom, and goes on.
//!
//! Source: E. G. Coffman, M. Elphick, A. Shoshani, "System Deadlocks", Computing Surveys 3 (1971).

#![cfg(target_os = "linux")]

mod claims;
mod coffman;
mod cross_process;
mod detect;
mod full_pipes;
mod lock_order;
mod named;
mod ordering;
mod philosophers;
mod try_lock;
mod watch;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "deadlock",
    about: "deadlock: they wait for each other, in threads, in processes and without any lock",
    experiments: &[
        lock_order::EXPERIMENT,
        detect::EXPERIMENT,
        ordering::EXPERIMENT,
        try_lock::EXPERIMENT,
        philosophers::EXPERIMENT,
        cross_process::EXPERIMENT,
        full_pipes::EXPERIMENT,
        coffman::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
