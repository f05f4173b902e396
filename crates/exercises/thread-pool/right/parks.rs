//! Idle workers park; whoever brings a job unparks one of them.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread, ThreadId, current, park, spawn};

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Pool {
    jobs: VecDeque<Job>,
    parked: HashMap<ThreadId, Thread>,
    closed: bool,
}

#[derive(Default)]
pub struct ThreadPool {
    pool: Arc<Mutex<Pool>>,
    threads: Vec<JoinHandle<()>>,
}

fn with<R>(pool: &Mutex<Pool>, f: impl FnOnce(&mut Pool) -> R) -> R {
    f(&mut pool.lock().unwrap_or_else(PoisonError::into_inner))
}

fn work(pool: &Mutex<Pool>) {
    let me = current();
    loop {
        let job = with(pool, |pool| {
            pool.parked.remove(&me.id());
            let job = pool.jobs.pop_front();
            if job.is_none() && !pool.closed {
                pool.parked.insert(me.id(), me.clone());
            }
            job.ok_or(pool.closed)
        });
        match job {
            Ok(job) => drop(catch_unwind(AssertUnwindSafe(job))),
            Err(true) => return,
            Err(false) => park(),
        }
    }
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let mut made = ThreadPool::default();
        for _ in 0..threads {
            let pool = made.pool.clone();
            made.threads.push(spawn(move || work(&pool)));
        }
        made
    }

    pub fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        let idle = with(&self.pool, |pool| {
            pool.jobs.push_back(Box::new(job));
            let idle = pool.parked.keys().next().copied();
            idle.and_then(|id| pool.parked.remove(&id))
        });
        idle.iter().for_each(Thread::unpark);
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        let parked = with(&self.pool, |pool| {
            pool.closed = true;
            std::mem::take(&mut pool.parked)
        });
        parked.values().for_each(Thread::unpark);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}
