//! Shared memory: the same page frames in the address spaces of several processes.
//!
//! What is written there is seen by all at once, without a copy and without a system call. So are
//! half-written values and locks whose owner died: with the speed of threads come their hazards.
//! What goes in must mean the same in every process: numbers and offsets, not pointers.
//!
//! Sources: memfd_create(2), shm_overview(7), mmap(2), futex(2), pthread_mutexattr_setrobust(3).

#![cfg(target_os = "linux")]

mod claims;
pub mod distance;
pub mod futex;
pub mod memory;
mod pointer;
mod ring;
mod robust;
mod seals;
pub mod shared_mutex;
pub mod spsc_ring;
mod std_mutex_trap;
mod unrelated;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "shared-memory",
    about: "Memory that two processes see: what can be put there, and how they wait for each other",
    experiments: &[
        unrelated::EXPERIMENT,
        pointer::EXPERIMENT,
        ring::EXPERIMENT,
        futex::EXPERIMENT,
        std_mutex_trap::EXPERIMENT,
        robust::EXPERIMENT,
        seals::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[unrelated::ROLE],
    breaks: include_str!("../breaks.toml"),
};
