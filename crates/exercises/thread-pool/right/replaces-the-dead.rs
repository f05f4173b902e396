//! A panic takes its worker along, and a new one takes its place: nobody joins the dead.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{panicking, spawn};

type Job = Box<dyn FnOnce() + Send>;

struct Shared {
    jobs: Mutex<Receiver<Job>>,
    alive: Mutex<usize>,
    all_gone: Condvar,
}

pub struct ThreadPool {
    jobs: Option<Sender<Job>>,
    shared: Arc<Shared>,
}

/// What a worker leaves behind: its number, or a worker that goes on.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        if panicking() {
            start(self.0.clone());
        } else {
            *self.0.alive.lock().unwrap() -= 1;
            self.0.all_gone.notify_all();
        }
    }
}

fn start(shared: Arc<Shared>) {
    spawn(move || {
        let place = Place(shared);
        loop {
            let job = place.0.jobs.lock().unwrap().recv();
            match job {
                Ok(job) => job(),
                Err(_) => return,
            }
        }
    });
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let (jobs, to_do) = channel();
        let (jobs, alive) = (Some(jobs), Mutex::new(threads));
        let shared = Shared { jobs: Mutex::new(to_do), alive, all_gone: Condvar::new() };
        let shared = Arc::new(shared);
        (0..threads).for_each(|_| start(shared.clone()));
        ThreadPool { jobs, shared }
    }

    pub fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.jobs.as_ref().unwrap().send(Box::new(job)).unwrap();
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let alive = self.shared.alive.lock().unwrap();
        drop(self.shared.all_gone.wait_while(alive, |alive| *alive > 0).unwrap());
    }
}
