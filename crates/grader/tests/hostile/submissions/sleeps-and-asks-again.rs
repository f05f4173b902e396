//! Sleeps and asks again instead of being woken.
//!
//! exercise: bounded-queue
//! verdict: waits-asleep [livelock]
//! shows: spins

use std::collections::VecDeque;
use std::sync::Mutex;

pub struct BoundedQueue<T> {
    state: Mutex<(VecDeque<T>, bool)>,
    capacity: usize,
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        BoundedQueue { state: Mutex::new((VecDeque::new(), false)), capacity }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        loop {
            let mut state = self.state.lock().unwrap();
            if state.1 {
                return Err(item);
            }
            if state.0.len() < self.capacity {
                state.0.push_back(item);
                return Ok(());
            }
            drop(state);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    pub fn pop(&self) -> Option<T> {
        loop {
            let mut state = self.state.lock().unwrap();
            if let Some(item) = state.0.pop_front() {
                return Some(item);
            }
            if state.1 {
                return None;
            }
            drop(state);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    pub fn close(&self) {
        self.state.lock().unwrap().1 = true;
    }
}
