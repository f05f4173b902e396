//! An address space is a map from addresses to memory. Each process has one; its threads share it.
//!
//! The same address means something else in another process, unless both asked for the same
//! memory: by a shared mapping, or because one was made with `CLONE_VM`.
//!
//! Source: mmap(2), fork(2), clone(2), proc_pid_maps(5).

#![cfg(target_os = "linux")]

mod claims;
mod clone_vm;
mod fork;
mod map_shared;
mod threads;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "address-space",
    about: "Address spaces: who sees a write, and at which address",
    experiments: &[
        fork::EXPERIMENT,
        threads::EXPERIMENT,
        map_shared::EXPERIMENT,
        clone_vm::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
