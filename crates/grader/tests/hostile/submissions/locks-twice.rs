//! Locks again what it holds.
//!
//! exercise: bounded-queue
//! verdict: one-thread [deadlock]
//! shows: main waits for the lock items, which it holds itself (locked at bounded-queue.rs:25).
//! never: The circle
//! never: SHUTTLE
//! never: task-

use std::collections::VecDeque;
use std::sync::Mutex;

pub struct BoundedQueue<T> {
    items: Mutex<VecDeque<T>>,
    capacity: usize,
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        BoundedQueue { items: Mutex::new(VecDeque::new()), capacity }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        print!("without an end of line");
        let items = self.items.lock().unwrap();
        if items.len() < self.capacity {
            self.items.lock().unwrap().push_back(item);
        }
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        self.items.lock().unwrap().pop_front()
    }

    pub fn close(&self) {}
}
