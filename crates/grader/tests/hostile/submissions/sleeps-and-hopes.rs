//! Sleeps once, long enough on every usual day, instead of waiting.
//!
//! exercise: bounded-queue
//! verdict: nothing-lost [wrong]

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
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mut state = self.state.lock().unwrap();
        if state.1 || state.0.len() >= self.capacity {
            return Err(item);
        }
        state.0.push_back(item);
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        std::thread::sleep(std::time::Duration::from_millis(100));
        self.state.lock().unwrap().0.pop_front()
    }

    pub fn close(&self) {
        self.state.lock().unwrap().1 = true;
    }
}
