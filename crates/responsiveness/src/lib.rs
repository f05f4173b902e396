//! Who waits for whom: threads let one activity go on while another one waits or computes, and
//! some things that one of them does are felt by all.
//!
//! Source: sched(7), fork(2), signal(7), mmap(2), pthreads(7); G. Tene on "coordinated omission";
//! the Linux kernel's documentation, "Process addresses".

#![cfg(target_os = "linux")]

mod browser;
mod claims;
mod clock;
mod memory;
mod overlap;
mod stop_the_world;
mod word_processor;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "responsiveness",
    about: "responsiveness: who waits for whom, and what everybody feels",
    experiments: &[
        overlap::EXPERIMENT,
        word_processor::EXPERIMENT,
        browser::EXPERIMENT,
        stop_the_world::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
