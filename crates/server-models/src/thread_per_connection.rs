//! One thread for each client: the same plain code, and each thread waits for its own.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use lab::child::{explain_io, failed};
use lab::{Evidence, Experiment, Lab};

use crate::server::{Model, Stop};
use crate::{service, trial};

pub const EXPERIMENT: Experiment = Experiment {
    name: "thread-per-connection",
    question: "What does a thread for each client buy, and cost?",
    claims: &["threaded-server"],
    run,
};

pub const MODEL: Model = Model { name: "thread per connection", serve, has_children: false };

// ANCHOR: serve
fn serve(listener: TcpListener, _: Stop) -> Result<()> {
    loop {
        let client = Arc::new(listener.accept().map_err(explain_io("accept4"))?.0);
        let its_own = client.clone();
        let made = thread::Builder::new().spawn(move || service::converse(&its_own));
        // Where there can be no further thread this client is sent away, the others stay.
        if let Err(error) = made {
            failed(&explain_io("thread")(error));
        }
    }
}
// ANCHOR_END: serve

fn run(lab: &Lab) -> Result<Evidence> {
    trial::all(lab, &MODEL)
}
