//! Starts a thread that waits for work, and never ends it.
//!
//! exercise: bounded-queue
//! verdict: nothing-lost [thread]

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

pub struct BoundedQueue<T> {
    state: Mutex<(VecDeque<T>, bool)>,
    worker: std::sync::Arc<(Mutex<()>, Condvar)>,
    capacity: usize,
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        let worker = std::sync::Arc::new((Mutex::new(()), Condvar::new()));
        let same = worker.clone();
        std::thread::spawn(move || {
            let mut work = same.0.lock().unwrap();
            loop {
                work = same.1.wait(work).unwrap();
            }
        });
        BoundedQueue { state: Mutex::new((VecDeque::new(), false)), worker, capacity }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        self.state.lock().unwrap().0.push_back(item);
        self.worker.1.notify_one();
        let _ = self.capacity;
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        self.state.lock().unwrap().0.pop_front()
    }

    pub fn close(&self) {
        self.state.lock().unwrap().1 = true;
    }
}
