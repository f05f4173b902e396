//! A queue with room for a fixed number of items, shared by producers and consumers.
//!
//! `push` waits while the queue is full, `pop` waits while it is empty. After `close`, nothing is
//! taken in any more, what is inside can still be popped, and nobody waits.

use std::collections::VecDeque;
use std::sync::Mutex;

pub struct BoundedQueue<T> {
    items: Mutex<VecDeque<T>>,
    capacity: usize,
}

impl<T> BoundedQueue<T> {
    /// A queue with room for `capacity` items, at least one.
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        BoundedQueue { items: Mutex::new(VecDeque::new()), capacity }
    }

    /// Waits for room, then appends `item`. Hands it back if the queue is closed.
    pub fn push(&self, item: T) -> Result<(), T> {
        let mut items = self.items.lock().unwrap();
        if items.len() == self.capacity {
            return Err(item); // TODO: wait for room instead.
        }
        items.push_back(item);
        Ok(())
    }

    /// Waits for an item and takes the oldest. `None` if the queue is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let mut items = self.items.lock().unwrap();
        items.pop_front() // TODO: wait for an item instead of giving up.
    }

    /// Closes the queue. Whoever waits goes on.
    pub fn close(&self) {
        // TODO
    }
}
