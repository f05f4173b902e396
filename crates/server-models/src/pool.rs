//! Twenty threads, made once. The main thread accepts and puts the clients into a queue.

use std::net::TcpListener;
use std::sync::{Mutex, mpsc};
use std::thread;

use anyhow::{Context, Result};
use lab::child::explain_io;
use lab::{Evidence, Experiment, Lab};

use crate::server::{Model, Stop};
use crate::{service, trial};

pub const EXPERIMENT: Experiment = Experiment {
    name: "pool",
    question: "Twenty threads serve all clients. Who waits for whom?",
    claims: &[],
    run,
};

pub const MODEL: Model = Model { name: "pool", serve, has_children: false };

const WORKERS: usize = 20;

// ANCHOR: serve
fn serve(listener: TcpListener, _: Stop) -> Result<()> {
    let (queue, clients) = mpsc::channel();
    let clients = Mutex::new(clients);
    thread::scope(|threads| {
        for _ in 0..WORKERS {
            lab::thread::spawn(threads, "worker", || {
                loop {
                    let next = clients.lock().expect("no one panics here").recv();
                    let Ok(client) = next else { return };
                    let _ = service::converse(&client);
                }
            })?;
        }
        loop {
            let (client, _) = listener.accept().map_err(explain_io("accept4"))?;
            queue.send(client).context("all workers are gone")?;
        }
    })
}
// ANCHOR_END: serve

fn run(lab: &Lab) -> Result<Evidence> {
    trial::all(lab, &MODEL)
}
