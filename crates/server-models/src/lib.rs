//! One service, written six times: a client sends a line, the server waits as if for a disk or a
//! database, and sends the line back.
//!
//! What differs is who waits: the only thread there is, one of many threads or processes, or nobody
//! but an entry in a list. That decides how many clients are served at a time, what each of them
//! costs while it is silent, and whom a crash takes along.
//!
//! Sources: listen(2), accept(2), epoll(7), tcp(7); W. R. Stevens et al., "UNIX Network Programming",
//! vol. 1, 3rd ed. 2003, chapter 30.

#![cfg(target_os = "linux")]

#[path = "async.rs"]
mod asynchronous;
mod claims;
mod client;
mod epoll;
mod iterative;
mod load;
mod pool;
mod prefork;
mod server;
mod service;
mod thread_per_connection;
mod trial;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "server-models",
    about: "server models: one service as loop, threads, pool, processes, event loop and tasks",
    experiments: &[
        iterative::EXPERIMENT,
        thread_per_connection::EXPERIMENT,
        pool::EXPERIMENT,
        prefork::EXPERIMENT,
        epoll::EXPERIMENT,
        asynchronous::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};

/// Runs the server of one experiment alone, for a load generator such as ab(1); see
/// `examples/serve.rs`.
///
/// # Errors
///
/// If there is no such experiment, or a call fails.
pub fn serve(experiment: &str) -> anyhow::Result<()> {
    let model = match experiment {
        "iterative" => &iterative::MODEL,
        "thread-per-connection" => &thread_per_connection::MODEL,
        "pool" => &pool::MODEL,
        "prefork" => &prefork::MODEL,
        "epoll" => &epoll::MODEL,
        "async" => &asynchronous::MODEL,
        other => anyhow::bail!("there is no server {other:?}"),
    };
    server::alone(model)
}
