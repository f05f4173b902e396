//! Deals the jobs out in turn to queues of their own: a job waits behind a long one while another
//! thread has nothing to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

pub struct ThreadPool {
    queues: Vec<Sender<Job>>,
    next: AtomicUsize,
    workers: Vec<JoinHandle<()>>,
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let mut queues = Vec::new();
        let mut workers = Vec::new();
        for _ in 0..threads {
            let (sender, receiver) = channel::<Job>();
            queues.push(sender);
            workers.push(thread::spawn(move || {
                for job in receiver {
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            }));
        }
        ThreadPool { queues, next: AtomicUsize::new(0), workers }
    }

    pub fn execute<F>(&self, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        self.queues[index].send(Box::new(job)).unwrap();
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.queues.clear();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}
