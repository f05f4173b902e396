//! The work that both worlds do: four workers, a thousand jobs, and a supervisor that hands them out.
//!
//! A *unit* is what one crash takes along: a process with one worker, or one with four as threads.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Result, bail};
use lab::child::{Child, LIMIT, explain, explain_io, in_words, late, status};
use lab::{TimeLimit, thread};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

/// So many workers there are in either world.
pub const WORKERS: usize = 4;
/// So many jobs there are.
pub const JOBS: u32 = 1000;
/// A job that has been lost so often is set aside.
pub const TRIES: u32 = 3;

/// What a supervisor does when a unit has crashed.
#[derive(Clone, Copy, PartialEq)]
pub enum Restart {
    Always,
    Never,
}

/// A job, and how often it has been lost in a crash.
#[derive(Clone, Copy)]
struct Job {
    number: u32,
    lost: u32,
    poison: bool,
}

impl Job {
    /// One job in a hundred crashes at its first try, as a rare race would. A poisoned one always
    /// does, as a malformed input would.
    fn crashes(self) -> bool {
        self.poison || self.number % 100 == 37 && self.lost == 0
    }

    fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.number.to_ne_bytes();
        [a, b, c, d, u8::from(self.crashes())]
    }

    fn answer(self) -> u64 {
        u64::from(self.number) * u64::from(self.number + 1) / 2
    }
}

/// How many of the jobs crash at their first try, none being poisoned.
pub fn that_crash() -> usize {
    (0..JOBS).filter(|number| Job { number: *number, lost: 0, poison: false }.crashes()).count()
}

/// A process, and the sockets to its workers.
struct Unit {
    process: Child,
    workers: Vec<Worker>,
}

struct Worker {
    socket: UnixStream,
    job: Option<Job>,
}

/// What came of the jobs.
#[derive(Default)]
pub struct Outcome {
    /// Jobs whose right answer came.
    pub done: u32,
    /// Processes that crashed.
    pub crashes: u32,
    /// Processes that were started again.
    pub restarts: u32,
    /// Tries that a crash has cost.
    pub lost: u32,
    /// Jobs that were given up.
    pub set_aside: u32,
    /// How often the job was lost that was lost most often.
    pub most_lost: u32,
}

/// Has all jobs done by `units` processes of `threads` workers each.
pub fn run(units: usize, threads: usize, restart: Restart, poison: Option<u32>) -> Result<Outcome> {
    let mut queue: VecDeque<Job> =
        (0..JOBS).map(|number| Job { number, lost: 0, poison: poison == Some(number) }).collect();
    let mut units = (0..units).map(|_| start(threads)).collect::<Result<Vec<_>>>()?;
    let mut seen = Outcome::default();
    // ANCHOR: supervise
    loop {
        for worker in units.iter_mut().flat_map(|unit| &mut unit.workers) {
            if worker.job.is_none() {
                worker.job = queue.pop_front();
                if let Some(job) = worker.job {
                    // Where the worker is gone meanwhile, that shows when its answer is waited for.
                    let _ = worker.socket.write_all(&job.to_bytes());
                }
            }
        }
        let Some((unit, worker)) = wait_for_a_word(&units)? else {
            return Ok(seen); // Nothing is left to do, or nobody to do it.
        };
        if let Some(answer) = units[unit].workers[worker].answer() {
            seen.done += u32::from(answer);
            continue;
        }
        let mut crashed = units.swap_remove(unit);
        seen.crashes += 1;
        for worker in &mut crashed.workers {
            let Some(job) = worker.job else { continue };
            if let Some(answer) = worker.answer() {
                seen.done += u32::from(answer); // It was sent before the crash.
                continue;
            }
            seen.lost += 1;
            seen.most_lost = seen.most_lost.max(job.lost + 1);
            match job.lost + 1 {
                TRIES => seen.set_aside += 1,
                lost => queue.push_back(Job { lost, ..job }),
            }
        }
        crashed.collect()?;
        if restart == Restart::Always {
            units.push(start(threads)?);
            seen.restarts += 1;
        }
    }
    // ANCHOR_END: supervise
}

impl Worker {
    /// Whether the answer is right; `None` if the worker is gone, for then the socket is closed.
    fn answer(&mut self) -> Option<bool> {
        let mut answer = [0; 8];
        self.socket.read_exact(&mut answer).ok()?;
        Some(self.job.take()?.answer() == u64::from_ne_bytes(answer))
    }
}

impl Unit {
    /// Reaps the process; it must have ended as the experiment means it to.
    fn collect(self) -> Result<()> {
        match self.process.wait()? {
            WaitStatus::Signaled(_, Signal::SIGSEGV, _) => Ok(()),
            other => bail!("a worker {}", in_words(other)),
        }
    }
}

// ANCHOR: start
fn start(threads: usize) -> Result<Unit> {
    let (mut workers, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..threads {
        let (socket, other_end) = UnixStream::pair().map_err(explain_io("socketpair"))?;
        workers.push(Worker { socket, job: None });
        theirs.push(other_end);
    }
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let process = unsafe {
        Child::fork(|| {
            lab::child::no_core_dump();
            let (first, others) = (&theirs[0], &theirs[1..]);
            let all = std::thread::scope(|scope| {
                for socket in others {
                    thread::spawn(scope, "worker", || work(socket))?;
                }
                work(first);
                anyhow::Ok(())
            });
            status(all)
        })
    }?;
    Ok(Unit { process, workers })
}
// ANCHOR_END: start

/// Does jobs until nobody sends any. A crash is a write to address 0.
fn work(mut socket: &UnixStream) {
    let mut job = [0; 5];
    while socket.read_exact(&mut job).is_ok() {
        let [a, b, c, d, crashes] = job;
        if crashes == 1 {
            let nowhere: *mut u8 = black_box(std::ptr::null_mut());
            // SAFETY: there is none. Page 0 is never mapped, and the fault is the lesson.
            unsafe { nowhere.write_volatile(1) }
        }
        let number = u32::from_ne_bytes([a, b, c, d]);
        let sum: u64 = (1..=u64::from(number)).map(black_box).sum();
        if socket.write_all(&sum.to_ne_bytes()).is_err() {
            return;
        }
    }
}

/// Waits until a busy worker has answered or is gone; `None` if none is busy.
fn wait_for_a_word(units: &[Unit]) -> Result<Option<(usize, usize)>> {
    let (mut whose, mut fds) = (Vec::new(), Vec::new());
    for (unit, Unit { workers, .. }) in units.iter().enumerate() {
        for (index, worker) in workers.iter().enumerate().filter(|(_, it)| it.job.is_some()) {
            whose.push((unit, index));
            fds.push(PollFd::new(worker.socket.as_fd(), PollFlags::POLLIN));
        }
    }
    if fds.is_empty() {
        return Ok(None);
    }
    let mut limit = TimeLimit::new(LIMIT);
    while !limit.is_over() {
        match poll(&mut fds, PollTimeout::from(TimeLimit::SLICE.as_millis() as u16)) {
            Ok(0) | Err(Errno::EINTR) => {}
            ready => {
                ready.map_err(explain("poll"))?;
                let first = fds.iter().position(|fd| fd.any() == Some(true));
                return Ok(first.map(|at| whose[at]));
            }
        }
    }
    Err(late(&format!("no worker answers within {} s", Duration::as_secs(&LIMIT))))
}
