//! The simplest server: one thread, one client after the other.

use std::net::TcpListener;

use anyhow::Result;
use lab::child::explain_io;
use lab::{Evidence, Experiment, Lab};

use crate::server::{Model, Stop};
use crate::{service, trial};

pub const EXPERIMENT: Experiment = Experiment {
    name: "iterative",
    question: "One thread serves one client after the other. How long do 200 take?",
    claims: &["threaded-server"],
    run,
};

pub const MODEL: Model = Model { name: "iterative", serve, has_children: false };

// ANCHOR: serve
fn serve(listener: TcpListener, _: Stop) -> Result<()> {
    loop {
        let (client, _) = listener.accept().map_err(explain_io("accept4"))?;
        // A client that breaks off harms nobody but itself.
        let _ = service::converse(&client);
    }
}
// ANCHOR_END: serve

fn run(lab: &Lab) -> Result<Evidence> {
    trial::all(lab, &MODEL)
}
