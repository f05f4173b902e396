//! A fixed number of threads that run whatever jobs they are given.

use std::thread;

pub struct ThreadPool {
    threads: usize,
}

impl ThreadPool {
    /// A pool of `threads` threads, at least one, which live as long as the pool.
    pub fn new(threads: usize) -> ThreadPool {
        ThreadPool { threads } // TODO: start them here, once.
    }

    /// Gives a job to the pool and returns at once. As many jobs as there are threads run at the
    /// same time; the others wait for a free thread.
    ///
    /// A job that panics is over. The pool is as large as before, and no other job is lost.
    pub fn execute<F>(&self, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let _ = self.threads;
        thread::spawn(job); // TODO: a new thread for each job is no pool.
    }
}

impl Drop for ThreadPool {
    /// Waits until every job that was given to the pool has ended, then ends the threads.
    fn drop(&mut self) {
        // TODO
    }
}
