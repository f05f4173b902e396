//! A thread pool: threads that are made once and given one task after the other.
//!
//! It saves the making of a thread for each task and bounds how many run at a time. What it asks
//! for in return: a task that waits for another task holds a thread meanwhile, and a thread
//! remembers what the task before it left there.
//!
//! Sources: pthread_create(3), futex(2), unix(7); B. Goetz et al., "Java Concurrency in Practice",
//! 2006, chapter 8.

#![cfg(target_os = "linux")]

mod claims;
mod cost;
mod fixed;
mod nested;
mod pool;
mod process_pool;
mod size;
mod work;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "thread-pool",
    about: "thread pools: threads that are kept for many short tasks, what they save and ask for",
    experiments: &[
        fixed::EXPERIMENT,
        cost::EXPERIMENT,
        size::EXPERIMENT,
        nested::EXPERIMENT,
        process_pool::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
