//! Runs for ever at its third pop, without a step that the scheduler could see.
//!
//! exercise: bounded-queue
//! verdict: one-thread [stuck]
//! shows: it spins, or computes for too long
//! shows: computes for too long at bounded-queue.rs:

use std::collections::VecDeque;
use std::sync::Mutex;

pub struct BoundedQueue<T> {
    state: Mutex<State<T>>,
    capacity: usize,
}

struct State<T> {
    items: VecDeque<T>,
    popped: u32,
    closed: bool,
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        let state = State { items: VecDeque::new(), popped: 0, closed: false };
        BoundedQueue { state: Mutex::new(state), capacity }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.state.lock().unwrap();
        if state.closed || state.items.len() == self.capacity {
            return Err(item);
        }
        state.items.push_back(item);
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        let mut state = self.state.lock().unwrap();
        let mut number = state.popped;
        while self.capacity == 2 && state.popped == 2 && !state.closed {
            number ^= 1;
        }
        state.popped += 1;
        state.items.pop_front()
    }

    pub fn close(&self) {
        self.state.lock().unwrap().closed = true;
    }
}
