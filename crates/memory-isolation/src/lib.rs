//! Memory isolation: why a process cannot reach into another's memory by accident, who may do so on
//! purpose, what stands between the threads of one process, and who dies when memory runs out.
//!
//! An address is looked up in the page table of the process that uses it. What is not in there, or
//! not for this use, makes a fault, and the kernel mends it or sends a signal. Who wants to read
//! another process asks the kernel, which asks who is asking.
//!
//! Source: mmap(2), mprotect(2), sigaction(2), process_vm_readv(2), ptrace(2), proc_pid_mem(5),
//! pkeys(7), proc_sys_vm(5), proc_pid_oom_score(5), cgroups(7).

#![cfg(target_os = "linux")]

mod claims;
mod fault;
mod overcommit;
mod protect;
mod vm_read;
mod wild_pointer;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "memory-isolation",
    about: "what keeps a process out of another's memory, who may pass, and what stands inside",
    experiments: &[
        wild_pointer::EXPERIMENT,
        vm_read::EXPERIMENT,
        protect::EXPERIMENT,
        overcommit::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
