//! A socket: an end of a two-way stream of bytes, whose other end may be anywhere.
//!
//! Related processes get both ends from one call. Strangers meet at a name: an address in this
//! system's memory, in its file system, or on a network. Between two processes of one system a
//! socket can also say who is at the other end, and carry open files.
//!
//! Source: socket(2), unix(7), tcp(7), socketpair(2), network_namespaces(7), RFC 1945.

#![cfg(target_os = "linux")]

mod address;
mod claims;
mod database;
mod framing;
mod network;
mod transports;
mod unix;
mod web;
mod web_and_database;

use lab::child::{Child, status};

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "sockets",
    about: "sockets: two-way streams between processes: messages, descriptors, another machine",
    experiments: &[unix::EXPERIMENT, web_and_database::EXPERIMENT, transports::EXPERIMENT],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};

/// Forks a child that does this and ends; what fails in it, is said.
fn child(body: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Child> {
    // SAFETY: the experiments of this package have one thread, so the child inherits no lock that
    // someone else holds.
    unsafe { Child::fork(|| status(body())) }
}
