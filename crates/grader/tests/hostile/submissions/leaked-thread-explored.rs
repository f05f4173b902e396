//! Starts a thread that waits for work, and never ends it; all else is right.
//!
//! exercise: bounded-queue
//! verdict: nothing-lost [thread]

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};

pub struct BoundedQueue<T> {
    state: Mutex<(VecDeque<T>, bool)>,
    changed: Condvar,
    worker: Arc<(Mutex<()>, Condvar)>,
    capacity: usize,
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        let worker = Arc::new((Mutex::new(()), Condvar::new()));
        let same = worker.clone();
        std::thread::spawn(move || {
            let mut work = same.0.lock().unwrap();
            loop {
                work = same.1.wait(work).unwrap();
            }
        });
        let state = Mutex::new((VecDeque::new(), false));
        BoundedQueue { state, changed: Condvar::new(), worker, capacity }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        let state = self.state.lock().unwrap();
        let full = |state: &mut (VecDeque<T>, bool)| state.0.len() == self.capacity && !state.1;
        let mut state = self.changed.wait_while(state, full).unwrap();
        if state.1 {
            return Err(item);
        }
        state.0.push_back(item);
        self.changed.notify_all();
        self.worker.1.notify_one();
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        let state = self.state.lock().unwrap();
        let empty = |state: &mut (VecDeque<T>, bool)| state.0.is_empty() && !state.1;
        let item = self.changed.wait_while(state, empty).unwrap().0.pop_front()?;
        self.changed.notify_all();
        Some(item)
    }

    pub fn close(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}
