//! Runs for ever without a step that the scheduler could see.
//!
//! exercise: bounded-queue
//! verdict: one-thread [stuck]
//! shows: it spins, or computes for too long
//! shows: bounded-queue.rs:

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
        let mut state = self.state.lock().unwrap();
        state.0.push_back(item);
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        let mut number = self.capacity;
        loop {
            number = std::hint::black_box(number + 1) % 7;
        }
    }

    pub fn close(&self) {
        self.state.lock().unwrap().1 = true;
    }
}
