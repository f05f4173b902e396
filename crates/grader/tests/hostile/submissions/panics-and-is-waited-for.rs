//! A thread panics, and another one waits for ever for what it would have done.
//!
//! exercise: bounded-queue
//! verdict: nothing-lost [deadlock]
//! shows: producer panicked at bounded-queue.rs:32: no room; so main waits for ever
//! shows: main is blocked waiting on condition variable changed
//! shows: 32 panics: no room
//! never: SHUTTLE
//! never: Test deadlocked

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

pub struct BoundedQueue<T> {
    items: Mutex<(VecDeque<T>, bool)>,
    changed: Condvar,
    capacity: usize,
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        let items = Mutex::new((VecDeque::new(), false));
        BoundedQueue { items, changed: Condvar::new(), capacity }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        if self.items.lock().unwrap().1 {
            return Err(item);
        }
        if self.items.lock().unwrap().0.len() == self.capacity {
            print!("without an end of line");
            panic!("no room");
        }
        self.items.lock().unwrap().0.push_back(item);
        self.changed.notify_all();
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        let mut items = self.items.lock().unwrap();
        while items.0.is_empty() && !items.1 {
            items = self.changed.wait(items).unwrap();
        }
        items.0.pop_front()
    }

    pub fn close(&self) {
        self.items.lock().unwrap().1 = true;
    }
}
