//! Sixteen processes, forked before any client came. All accept from the same socket.

use std::net::TcpListener;
use std::os::fd::AsFd;

use anyhow::Result;
use lab::child::{Child, explain, explain_io, failed, pidfd_open};
use lab::{Evidence, Experiment, Lab};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::server::{Model, Stop};
use crate::{service, trial};

pub const EXPERIMENT: Experiment = Experiment {
    name: "prefork",
    question: "Sixteen processes serve all clients. Whom does a crash take along?",
    claims: &[],
    run,
};

pub const MODEL: Model = Model { name: "prefork", serve, has_children: true };

const WORKERS: usize = 16;

// ANCHOR: serve
fn serve(listener: TcpListener, stop: Stop) -> Result<()> {
    let mut workers = (0..WORKERS).map(|_| worker(&listener)).collect::<Result<Vec<_>>>()?;
    while let Some(ended) = next_end(&workers, &stop)? {
        workers.swap_remove(ended).wait()?;
        workers.push(worker(&listener)?);
    }
    Ok(())
}

fn worker(listener: &TcpListener) -> Result<Child> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    unsafe {
        Child::fork(|| {
            loop {
                match listener.accept() {
                    Ok((client, _)) => drop(service::converse(&client)),
                    Err(error) => return failed(&explain_io("accept4")(error)),
                }
            }
        })
    }
}
// ANCHOR_END: serve

/// Waits until a worker ends, and says which; `None` when the server is to stop.
fn next_end(workers: &[Child], stop: &Stop) -> Result<Option<usize>> {
    let pidfds = workers.iter().map(|worker| pidfd_open(worker.pid()));
    let pidfds = pidfds.collect::<Result<Vec<_>, _>>().map_err(explain("pidfd_open"))?;
    let all = std::iter::once(stop.as_fd()).chain(pidfds.iter().map(|pidfd| pidfd.as_fd()));
    let mut fds: Vec<PollFd> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            ready => {
                ready.map_err(explain("poll"))?;
                let first = fds.iter().position(|fd| fd.any() == Some(true));
                return Ok(first.and_then(|at| at.checked_sub(1)));
            }
        }
    }
}

fn run(lab: &Lab) -> Result<Evidence> {
    trial::all(lab, &MODEL)
}
