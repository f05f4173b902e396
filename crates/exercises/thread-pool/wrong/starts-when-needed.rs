//! Makes a thread only when there is a job for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

pub struct ThreadPool {
    jobs: Option<Sender<Job>>,
    waiting: Arc<Mutex<Receiver<Job>>>,
    threads: usize,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        ThreadPool { jobs: Some(jobs), waiting, threads, workers: Mutex::default() }
    }

    pub fn execute<F>(&self, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let mut workers = self.workers.lock().unwrap();
        if workers.len() < self.threads {
            let waiting = self.waiting.clone();
            workers.push(thread::spawn(move || work(&waiting)));
        }
        drop(workers);
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
        for worker in self.workers.get_mut().unwrap().drain(..) {
            // A worker catches the panics of its jobs, so it has none to hand out.
            let _ = worker.join();
        }
    }
}
