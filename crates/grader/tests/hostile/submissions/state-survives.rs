//! Remembers from one execution to the next what was asked.
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
        use std::time::SystemTime;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        if now.subsec_nanos() % 3 == 0 || self.state.lock().unwrap().0.len() >= self.capacity {
            return Err(item);
        }
        self.state.lock().unwrap().0.push_back(item);
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        self.state.lock().unwrap().0.pop_front()
    }

    pub fn close(&self) {
        self.state.lock().unwrap().1 = true;
    }
}
