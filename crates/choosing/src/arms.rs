//! One workload, by four models: a job for each tile of an image that all of them read.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread::scope;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, in_words, no_core_dump};
use lab::thread::spawn;
use lab::{Shared, TimeLimit};
use memmap2::MmapMut;
use nix::unistd::gettid;

use crate::memory::touched;

/// So many workers a pool has.
pub const WORKERS: usize = 2;
/// So many jobs there are.
pub const JOBS: usize = 24;

/// What a job does.
#[derive(Clone, Copy, PartialEq)]
pub enum Job {
    /// Sums its tile.
    Sum,
    /// Crashes, by a write to address 0.
    Crash,
    /// Leaves a secret in its worker's memory.
    Leave,
    /// Looks for the secret, when it is there.
    Look,
}

/// The jobs and what they use.
pub struct Work {
    /// What each job does.
    pub jobs: [Job; JOBS],
    /// The image, which all read.
    pub image: MmapMut,
    secret: &'static AtomicU64,
    left: &'static AtomicU64,
}

/// What came of each job; `None` if it was lost.
pub type Answers = Vec<Option<u64>>;

const SECRET: u64 = 4711;
/// The answer of who looked for a secret that nobody had left yet.
pub const NOTHING_LEFT: u64 = u64::MAX - 1;

impl Work {
    /// An image of so many bytes, all of them touched.
    pub fn new(image: usize) -> Result<Work> {
        // Of the one a forked child gets a copy, the other one it shares.
        let secret = Box::leak(Box::default());
        let left = Shared::new(AtomicU64::new(0))?.leak();
        Ok(Work { jobs: [Job::Sum; JOBS], image: touched(image)?, secret, left })
    }

    /// The same with other jobs.
    pub fn with(mut self, jobs: [Job; JOBS]) -> Work {
        self.jobs = jobs;
        self
    }

    /// Does a job and returns its answer: the sum, or whether the secret was seen and by whom.
    fn run(&self, index: usize) -> u64 {
        match self.jobs[index] {
            Job::Sum => {
                let length = self.image.len() / JOBS;
                self.image[index * length..][..length].iter().map(|b| u64::from(*b)).sum()
            }
            Job::Crash => {
                no_core_dump();
                let nowhere: *mut u8 = std::hint::black_box(std::ptr::null_mut());
                // SAFETY: there is none. Page 0 is never mapped, and the fault is the lesson.
                unsafe { nowhere.write_volatile(1) }
                0
            }
            Job::Leave => {
                self.secret.store(SECRET, Relaxed);
                self.left.store(1, Relaxed);
                who()
            }
            Job::Look => {
                let mut limit = TimeLimit::new(LIMIT);
                while self.left.load(Relaxed) == 0 && !limit.is_over() {
                    std::thread::yield_now();
                }
                if self.left.load(Relaxed) == 0 {
                    return NOTHING_LEFT;
                }
                // Long enough that no worker takes all the jobs.
                std::thread::sleep(Duration::from_micros(300));
                u64::from(self.secret.load(Relaxed) == SECRET) << 32 | who()
            }
        }
    }
}

fn who() -> u64 {
    gettid().as_raw() as u64
}

// ANCHOR: thread
/// A thread for each job.
pub fn thread(work: &Work) -> Result<Answers> {
    scope(|threads| {
        let mut started = Vec::new();
        for job in 0..JOBS {
            started.push(spawn(threads, "worker", move || work.run(job))?);
        }
        Ok(started.into_iter().map(|thread| thread.join().ok()).collect())
    })
}
// ANCHOR_END: thread

// ANCHOR: thread-pool
/// Threads that take one job after the other.
pub fn thread_pool(work: &Work) -> Result<Answers> {
    let next = AtomicUsize::new(0);
    let take_jobs = || {
        let mut done = Vec::new();
        loop {
            match next.fetch_add(1, Relaxed) {
                job if job < JOBS => done.push((job, work.run(job))),
                _ => return done,
            }
        }
    };
    scope(|threads| {
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            workers.push(spawn(threads, "worker", take_jobs)?);
        }
        let mut answers = vec![None; JOBS];
        for worker in workers {
            for (job, answer) in worker.join().ok().context("a worker panicked")? {
                answers[job] = Some(answer);
            }
        }
        Ok(answers)
    })
}
// ANCHOR_END: thread-pool

// ANCHOR: process
/// A process for each job, which leaves its answer in shared memory.
pub fn process(work: &Work) -> Result<Answers> {
    let answers = Shared::new([const { AtomicU64::new(0) }; JOBS])?;
    let mut started = Vec::new();
    for job in 0..JOBS {
        // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
        started.push(unsafe {
            Child::fork(|| {
                answers[job].store(work.run(job), Relaxed);
                0
            })
        }?);
    }
    let mut all = Vec::new();
    for (job, process) in started.into_iter().enumerate() {
        let well = in_words(process.wait()?) == "exited with 0";
        all.push(well.then(|| answers[job].load(Relaxed)));
    }
    Ok(all)
}
// ANCHOR_END: process

// ANCHOR: process-pool
/// Processes that take one job after the other; another one replaces a worker that crashes.
pub fn process_pool(work: &Work) -> Result<Answers> {
    // The first word is the next job; then come the answers plus one, 0 for none.
    let board = Shared::new([const { AtomicU64::new(0) }; JOBS + 1])?;
    let take_jobs = || loop {
        match board[0].fetch_add(1, Relaxed) as usize {
            job if job < JOBS => board[job + 1].store(work.run(job) + 1, Relaxed),
            _ => return 0,
        }
    };
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let start = || unsafe { Child::fork(take_jobs) };
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(start()?);
    }
    while let Some(worker) = workers.pop() {
        if in_words(worker.wait()?) != "exited with 0" {
            workers.push(start()?);
        }
    }
    Ok((1..=JOBS).map(|job| board[job].load(Relaxed).checked_sub(1)).collect())
}
// ANCHOR_END: process-pool
