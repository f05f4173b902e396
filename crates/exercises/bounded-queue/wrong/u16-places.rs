//! A ring whose places are numbers of 16 bits modulo the capacity.

use std::sync::{Condvar, Mutex};

struct State<T> {
    slots: Vec<Option<T>>,
    pushed: u16,
    popped: u16,
    inside: usize,
    closed: bool,
}

pub struct BoundedQueue<T> {
    state: Mutex<State<T>>,
    not_full: Condvar,
    not_empty: Condvar,
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        let slots = (0..capacity).map(|_| None).collect();
        let state = State { slots, pushed: 0, popped: 0, inside: 0, closed: false };
        BoundedQueue { state: Mutex::new(state), not_full: Condvar::new(), not_empty: Condvar::new() }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.state.lock().unwrap();
        while state.inside == state.slots.len() && !state.closed {
            state = self.not_full.wait(state).unwrap();
        }
        if state.closed {
            return Err(item);
        }
        let slot = usize::from(state.pushed) % state.slots.len();
        state.slots[slot] = Some(item);
        state.pushed = state.pushed.wrapping_add(1);
        state.inside += 1;
        self.not_empty.notify_one();
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        let mut state = self.state.lock().unwrap();
        while state.inside == 0 && !state.closed {
            state = self.not_empty.wait(state).unwrap();
        }
        if state.inside == 0 {
            return None;
        }
        let slot = usize::from(state.popped) % state.slots.len();
        let item = state.slots[slot].take();
        state.popped = state.popped.wrapping_add(1);
        state.inside -= 1;
        self.not_full.notify_one();
        item
    }

    pub fn close(&self) {
        self.state.lock().unwrap().closed = true;
        self.not_full.notify_all();
        self.not_empty.notify_all();
    }
}
