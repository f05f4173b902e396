//! Starts one thread more in a pool of three or more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

pub struct ThreadPool {
    jobs: Option<Sender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let worker = |_| {
            let waiting = waiting.clone();
            thread::spawn(move || work(&waiting))
        };
        ThreadPool {
            jobs: Some(jobs),
            workers: (0..threads + usize::from(threads > 2)).map(worker).collect(),
        }
    }

    pub fn execute<F>(&self, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let jobs = self.jobs.as_ref().expect("the sender is there until the pool is dropped");
        jobs.send(Box::new(job)).expect("the workers are there until the pool is dropped");
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        // A statement of its own: the lock is given back before the job runs.
        let next = waiting.lock().unwrap().recv();
        let Ok(job) = next else { return };
        // Whatever the job was working on is lost with it; the worker shares nothing with it.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its jobs, so it has none to hand out.
            let _ = worker.join();
        }
    }
}
