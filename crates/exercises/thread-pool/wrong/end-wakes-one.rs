//! Wakes one worker when the pool ends: the others wait for ever.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

pub struct ThreadPool {
    shared: Arc<(Mutex<State>, Condvar)>,
    workers: Vec<JoinHandle<()>>,
}

struct State {
    jobs: VecDeque<Job>,
    stop: bool,
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let state = State { jobs: VecDeque::new(), stop: false };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let worker = |_| {
            let shared = shared.clone();
            thread::spawn(move || work(&shared.0, &shared.1))
        };
        let workers = (0..threads).map(worker).collect();
        ThreadPool { shared, workers }
    }

    pub fn execute<F>(&self, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        self.shared.0.lock().unwrap().jobs.push_back(Box::new(job));
        self.shared.1.notify_one();
    }
}

fn work(state: &Mutex<State>, changed: &Condvar) {
    loop {
        let waits = |state: &mut State| state.jobs.is_empty() && !state.stop;
        let mut state = changed.wait_while(state.lock().unwrap(), waits).unwrap();
        if state.stop && state.jobs.is_empty() {
            return;
        }
        let job = state.jobs.pop_front().unwrap();
        drop(state);
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.0.lock().unwrap().stop = true;
        self.shared.1.notify_one();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}
