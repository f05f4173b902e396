//! A condition variable: a place to sleep until another thread says that something has changed.
//!
//! It holds no state that a program could ask for. What is waited for is an ordinary variable under
//! a mutex; going to sleep gives the mutex back in the same step, so no change is missed.
//!
//! Source: pthread_cond_wait(3), futex(2), std::sync::Condvar; C. A. R. Hoare, "Monitors", 1974.

#![cfg(target_os = "linux")]

mod busy_wait;
mod claims;
mod cpu;
mod herd;
mod lost_wakeup;
mod queue;
mod spurious;
mod stolen;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "condition-variables",
    about: "condition variables: to sleep until something is so, and to look again",
    experiments: &[
        queue::EXPERIMENT,
        busy_wait::EXPERIMENT,
        lost_wakeup::EXPERIMENT,
        stolen::EXPERIMENT,
        spurious::EXPERIMENT,
        herd::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
