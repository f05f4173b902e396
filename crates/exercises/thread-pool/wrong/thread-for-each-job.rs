//! A new thread for each job, however many there are already.

use std::sync::Mutex;
use std::thread::{self, JoinHandle};

pub struct ThreadPool {
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        ThreadPool { workers: Mutex::new(Vec::with_capacity(threads)) }
    }

    pub fn execute<F>(&self, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        self.workers.lock().unwrap().push(thread::spawn(job));
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        for worker in self.workers.get_mut().unwrap().drain(..) {
            let _ = worker.join();
        }
    }
}
