//! Workers that are processes, made before there is work. Two take jobs from one socket; one job
//! crashes, and with it its worker, and nobody else.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, explain, in_words, late, no_core_dump, status};
use lab::{Evidence, Experiment, Lab, TimeLimit, say};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::unistd::Pid;

pub const EXPERIMENT: Experiment =
    Experiment { name: "process-pool", question: "What if a task crashes?", claims: &[], run };

const WORKERS: usize = 2;
const JOBS: u8 = 20;
const CRASHES: u8 = 7;
const STOP: u8 = u8::MAX;

/// Both ends of a socket that keeps messages apart: who receives gets one message, whole.
struct Messages {
    read: OwnedFd,
    write: OwnedFd,
}

impl Messages {
    fn new() -> Result<Messages> {
        let (kind, flags) = (SockType::SeqPacket, SockFlag::SOCK_CLOEXEC);
        let (read, write) =
            socketpair(AddressFamily::Unix, kind, None, flags).map_err(explain("socketpair"))?;
        Ok(Messages { read, write })
    }

    fn send(&self, message: &[u8]) -> Result<()> {
        send(self.write.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL).map_err(explain("send"))?;
        Ok(())
    }

    fn receive<const LENGTH: usize>(&self) -> Result<[u8; LENGTH]> {
        let mut message = [0; LENGTH];
        recv(self.read.as_raw_fd(), &mut message, MsgFlags::empty()).map_err(explain("recv"))?;
        Ok(message)
    }

    fn is_waiting(&self) -> Result<bool> {
        let mut read = [PollFd::new(self.read.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut read, 10u8).map_err(explain("poll"))? > 0)
    }
}

const BEGUN: u8 = 0;
const DONE: u8 = 1;

// ANCHOR: worker
/// Takes one job after the other, and says when it begins and when it is done.
fn work(jobs: &Messages, answers: &Messages) -> Result<()> {
    let pid = std::process::id().to_ne_bytes();
    let answer = |what, job| answers.send(&[what, job, pid[0], pid[1], pid[2], pid[3]]);
    loop {
        let [job] = jobs.receive()?;
        if job == STOP {
            return Ok(());
        }
        answer(BEGUN, job)?;
        if job == CRASHES {
            std::process::abort();
        }
        answer(DONE, job)?;
    }
}
// ANCHOR_END: worker

fn start(jobs: &Messages, answers: &Messages) -> Result<Child> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    unsafe {
        Child::fork(|| {
            no_core_dump();
            status(work(jobs, answers))
        })
    }
}

fn run(_: &Lab) -> Result<Evidence> {
    let (jobs, answers) = (Messages::new()?, Messages::new()?);
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(start(&jobs, &answers)?);
    }
    let made = workers.len();
    say!("parent", "{made} worker processes are made, then {JOBS} jobs are sent");
    for job in 0..JOBS {
        jobs.send(&[job])?;
    }
    let (mut begun, mut done, mut lost, mut started) = (BTreeMap::new(), 0, Vec::new(), made);
    let mut limit = TimeLimit::new(LIMIT);
    while done + lost.len() < usize::from(JOBS) {
        if limit.is_over() {
            return Err(late(&format!("{done} of {JOBS} jobs were done")));
        }
        if answers.is_waiting()? {
            let [what, job, pid @ ..] = answers.receive::<6>()?;
            let pid = Pid::from_raw(i32::from_ne_bytes(pid));
            if what == BEGUN {
                begun.insert(pid, job);
            } else {
                begun.remove(&pid);
                done += 1;
            }
            continue;
        }
        // ANCHOR: replace
        let mut alive = Vec::new();
        for worker in workers {
            // What a worker that has ended had to say is heard first.
            if !worker.ends_within(std::time::Duration::ZERO)? || answers.is_waiting()? {
                alive.push(worker);
                continue;
            }
            let pid = worker.pid();
            let status = worker.wait()?;
            let job = begun.remove(&pid).context("a worker without a job ended")?;
            say!("parent", "job {job} is lost: its worker {pid} {}", in_words(status));
            lost.push(job);
            alive.push(start(&jobs, &answers)?);
            started += 1;
        }
        workers = alive;
        // ANCHOR_END: replace
    }
    for _ in &workers {
        jobs.send(&[STOP])?;
    }
    let mut well = 0;
    for worker in workers {
        well += usize::from(in_words(worker.wait()?) == "exited with 0");
    }
    say!("parent", "{done} of {JOBS} jobs are done, {} lost", lost.len());
    say!("parent", "{started} workers were started, {well} ended when they were told to");
    Ok(Evidence::new()
        .fact("process pool: jobs", usize::from(JOBS))
        .fact("process pool: jobs done", done)
        .fact("process pool: jobs lost", lost.len())
        .fact("process pool: workers started", started)
        .fact("process pool: workers that ended well", well))
}
