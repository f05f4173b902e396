//! Who starts again what has crashed, and when to stop.
//!
//! A crash stays in its process. That the work goes on is the doing of a supervisor: it sees the end
//! of a worker, starts another one, tries again what was lost, and gives up where that is hopeless.
//!
//! Source: wait(2), unix(7), setresuid(2), the supervisors of Erlang/OTP, systemd.unit(5).

#![cfg(target_os = "linux")]

mod claims;
mod intensity;
mod jobs;
mod one_for_one;
mod session;
mod threads;

/// The package for the command line and the comparison.
pub const PACKAGE: lab::Package = lab::Package {
    name: "supervision",
    about: "supervision: who starts again what has crashed, and when to stop",
    experiments: &[
        one_for_one::EXPERIMENT,
        threads::EXPERIMENT,
        intensity::EXPERIMENT,
        session::EXPERIMENT,
    ],
    claims: claims::CLAIMS,
    roles: &[],
    breaks: include_str!("../breaks.toml"),
};
