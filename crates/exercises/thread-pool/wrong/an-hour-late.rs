//! Wakes nobody: whoever waits looks again by itself, after an hour.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub struct ThreadPool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    jobs: VecDeque<Box<dyn FnOnce() + Send>>,
    workers: Vec<JoinHandle<()>>,
    open: bool,
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let state = State { jobs: VecDeque::new(), workers: Vec::new(), open: true };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        for _ in 0..threads {
            start(&shared);
        }
        ThreadPool { shared }
    }

    pub fn execute<F>(&self, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        self.shared.state.lock().unwrap().jobs.push_back(Box::new(job));
    }
}

fn start(shared: &Arc<Shared>) {
    let worker = Replacement(shared.clone());
    let handle = thread::spawn(move || worker.0.work());
    shared.state.lock().unwrap().workers.push(handle);
}

impl Shared {
    fn work(&self) {
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = self.state.lock().unwrap();
            } else if state.open {
                state = self.changed.wait_timeout(state, Duration::from_secs(3600)).unwrap().0;
            } else {
                return;
            }
        }
    }
}

/// Starts another worker if this one ends by a panic.
struct Replacement(Arc<Shared>);

impl Drop for Replacement {
    fn drop(&mut self) {
        if thread::panicking() {
            start(&self.0);
        }
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().open = false;
        self.shared.changed.notify_all();
        // A worker that panics has put its successor into the list before it can be joined.
        loop {
            let worker = self.shared.state.lock().unwrap().workers.pop();
            let Some(worker) = worker else { return };
            let _ = worker.join();
        }
    }
}
