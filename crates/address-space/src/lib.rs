//! An address space is a map from addresses to memory. Each process has one; its threads share it.
//!
//! The same address means something else in another process, unless both asked for the same
//! memory: by a shared mapping, or because one was made with `CLONE_VM`.
//!
//! Source: mmap(2), fork(2), clone(2), proc_pid_maps(5).

#![cfg(target_os = "linux")]

mod aslr;
mod claims;
mod clone_vm;
mod fork;
mod layout;
mod map_shared;
mod order;
mod threads;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "address-space",
    about: "Address spaces: what is at which address, and who sees a write there",
    experiments: &[
        layout::EXPERIMENT,
        aslr::EXPERIMENT,
        fork::EXPERIMENT,
        map_shared::EXPERIMENT,
        clone_vm::EXPERIMENT,
        threads::EXPERIMENT,
        order::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[aslr::ROLE],
    breaks: include_str!("../breaks.toml"),
};
