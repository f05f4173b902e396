//! Privilege separation: a part that is not trusted runs in a process of its own, and that process
//! gives up what it does not need.
//!
//! An address space keeps loads and stores apart. The kernel decides about everything else by who
//! asks, so a plug-in needs another user, a filter on its calls, a rule about files or namespaces
//! of its own before its process is a wall; and then somebody has to hand it what it does need.
//!
//! Source: ptrace(2), process_vm_readv(2), proc_pid_fd(5), no_new_privs of prctl(2), seccomp(2),
//! landlock(7), namespaces(7), user_namespaces(7), pivot_root(2), unix(7).

#![cfg(target_os = "linux")]

mod attack;
mod claims;
mod descriptor_broker;
mod host;
mod layer;
mod namespaces;
mod plugin_thread;
mod same_user;
mod sandbox;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "privilege-separation",
    about: "privilege separation: what makes a process a wall, and which walls are allowed here",
    experiments: &[
        plugin_thread::EXPERIMENT,
        same_user::EXPERIMENT,
        sandbox::EXPERIMENT,
        namespaces::EXPERIMENT,
        descriptor_broker::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[attack::WHO_AM_I],
    breaks: include_str!("../breaks.toml"),
};
