//! Takes two locks, each method in another order.
//!
//! exercise: bounded-queue
//! verdict: nothing-lost [deadlock]
//! shows: producer is blocked locking mutex closed
//! shows: holds items (since bounded-queue.rs:
//! shows: The circle:

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

pub struct BoundedQueue<T> {
    items: Mutex<VecDeque<T>>,
    closed: Mutex<bool>,
    changed: Condvar,
    capacity: usize,
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        BoundedQueue {
            items: Mutex::new(VecDeque::new()),
            closed: Mutex::new(false),
            changed: Condvar::new(),
            capacity,
        }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        let mut items = self.items.lock().unwrap();
        while items.len() == self.capacity {
            items = self.changed.wait(items).unwrap();
        }
        if *self.closed.lock().unwrap() {
            return Err(item);
        }
        items.push_back(item);
        self.changed.notify_all();
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        let closed = self.closed.lock().unwrap();
        let mut items = self.items.lock().unwrap();
        if *closed {
            return items.pop_front();
        }
        drop(closed);
        while items.is_empty() {
            items = self.changed.wait(items).unwrap();
        }
        self.changed.notify_all();
        items.pop_front()
    }

    pub fn close(&self) {
        *self.closed.lock().unwrap() = true;
        self.changed.notify_all();
    }
}
