//! Sleeps until a job has panicked, and from then on asks again and again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
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
        ThreadPool { jobs: Some(jobs), workers: (0..threads).map(worker).collect() }
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
    let mut panicked = false;
    loop {
        // A statement of its own: the lock is given back before the job runs.
        let next = match panicked {
            false => waiting.lock().unwrap().recv().map_err(|_| TryRecvError::Disconnected),
            true => waiting.lock().unwrap().try_recv(),
        };
        let job = match next {
            Ok(job) => job,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {
                thread::yield_now();
                continue;
            }
        };
        // Whatever the job was working on is lost with it; the worker shares nothing with it.
        panicked |= catch_unwind(AssertUnwindSafe(job)).is_err();
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
