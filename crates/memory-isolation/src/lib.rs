//! what keeps a process out of another's memory, who may pass, and what stands inside.
//!
//! What the concept is, in five lines, and the sources: man pages, standards, books.

#![cfg(target_os = "linux")]

mod claims;
mod first_look;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "memory-isolation",
    about: "memory-isolation: what keeps a process out of another's memory, who may pass, and what stands inside",
    experiments: &[first_look::EXPERIMENT],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
