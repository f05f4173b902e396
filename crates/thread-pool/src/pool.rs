//! A pool with a fixed number of threads and a queue without a bound, as small as it can be.

use std::thread::{Builder, JoinHandle};

use anyhow::{Context, Result};
use crossbeam::channel::{Receiver, Sender, unbounded};
use lab::child::explain_io;
use nix::unistd::{Pid, gettid};

/// What a thread of the pool does next.
pub type Task = Box<dyn FnOnce() + Send>;

/// Threads that take tasks from one queue. Dropped, it waits until all tasks are done.
pub struct Pool {
    tasks: Option<Sender<Task>>,
    queue: Receiver<Task>,
    given: std::cell::Cell<usize>,
    workers: Vec<JoinHandle<()>>,
    tids: Vec<Pid>,
}

impl Pool {
    /// Starts `threads` threads; they sleep until there is a task.
    pub fn new(threads: usize) -> Result<Pool> {
        let (tasks, queue) = unbounded();
        let (given, workers, tids) = (std::cell::Cell::new(0), Vec::new(), Vec::new());
        let mut pool = Pool { tasks: Some(tasks), queue, given, workers, tids };
        for _ in 0..threads {
            pool.add_thread()?;
        }
        Ok(pool)
    }

    /// Starts one more.
    // ANCHOR: worker
    pub fn add_thread(&mut self) -> Result<()> {
        let queue = self.queue.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let work = move || {
            let _ = tell.send(gettid());
            for task in queue {
                task();
            }
        };
        let worker =
            Builder::new().name("worker".into()).spawn(work).map_err(explain_io("thread"))?;
        self.workers.push(worker);
        self.tids.push(told.recv().context("a worker ended")?);
        Ok(())
    }
    // ANCHOR_END: worker

    /// Puts a task into the queue and returns at once.
    pub fn execute(&self, task: impl FnOnce() + Send + 'static) {
        let tasks = self.tasks.as_ref().expect("it is there until the pool is dropped");
        tasks.send(Box::new(task)).expect("the pool itself holds a receiver");
        self.given.set(self.given.get() + 1);
    }

    /// How many tasks [`execute`](Pool::execute) has put into the queue so far.
    pub fn given(&self) -> usize {
        self.given.get()
    }

    /// A way into the queue, for a task that gives the pool another one.
    pub fn sender(&self) -> Sender<Task> {
        self.tasks.clone().expect("it is there until the pool is dropped")
    }

    /// The queue, for those who look at it or take tasks out themselves.
    pub fn queue(&self) -> &Receiver<Task> {
        &self.queue
    }

    /// The ids of its threads.
    pub fn tids(&self) -> &[Pid] {
        &self.tids
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Without a sender the queue ends, after its last task.
        self.tasks = None;
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}
