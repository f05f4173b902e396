//! Waits for a job with the longest limit that there is, which never passes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

pub struct ThreadPool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap().recv_timeout(Duration::MAX).ok()
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let start = |_| {
            let waiting = waiting.clone();
            spawn(move || {
                while let Some(job) = next(&waiting) {
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })
        };
        ThreadPool { jobs: Some(jobs), threads: (0..threads).map(start).collect() }
    }

    pub fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        if let Some(jobs) = &self.jobs {
            jobs.send(Box::new(job)).unwrap();
        }
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.jobs = None;
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}
