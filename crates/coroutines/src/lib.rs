//! Coroutines: tasks that hand on the CPU themselves, many on one thread.
//!
//! In Rust an `async` block is a value that can be run up to its next `.await` and no further. An
//! executor is a loop that runs many of them in turn; `tasks` is one, with nothing but std. The
//! kernel sees one thread.
//!
//! Source: std::future, std::task; Rust RFC 2394 "async/await" and RFC 2592
//! "futures"; M. E. Conway, "Design of a Separable Transition-Diagram Compiler", 1963.

#![cfg(target_os = "linux")]

mod beside;
mod blocking;
mod claims;
mod executor;
mod kernel;
mod order;
mod starve;
mod switch;
mod tasks;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "coroutines",
    about: "coroutines: tasks that hand on the CPU themselves, many on one thread",
    experiments: &[
        executor::EXPERIMENT,
        switch::EXPERIMENT,
        starve::EXPERIMENT,
        order::EXPERIMENT,
        blocking::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
