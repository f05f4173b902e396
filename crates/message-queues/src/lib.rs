//! A message queue: whole messages, with a priority or a type, kept by the kernel until somebody
//! takes them.
//!
//! Where a pipe has bytes, a queue has messages; where a socket has a peer, a queue has a name. It
//! needs neither end to be there.
//!
//! Source: mq_overview(7), mq_notify(3), sysvipc(7), msgop(2).

#![cfg(target_os = "linux")]

mod claims;
mod notify;
mod posix;
mod queue;
mod system_v;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "message-queues",
    about: "message queues: whole messages, with priorities, kept by the kernel",
    experiments: &[posix::EXPERIMENT, notify::EXPERIMENT, system_v::EXPERIMENT],
    claims: claims::CLAIMS,
    roles: &[posix::SENDER],
    breaks: include_str!("../breaks.toml"),
};
