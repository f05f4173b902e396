//! A thread panics, and nobody joins it, which std only prints. Its name is made to disturb.
//!
//! exercise: bounded-queue
//! verdict: nothing-lost [wrong]
//! shows: what came out of three pops
//! never: \e

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
        let thread = std::thread::Builder::new().name("\x1b[2Jred\n::error::x".to_owned());
        drop(thread.spawn(|| panic!("nobody looks\x1b[2J")));
        let mut state = self.state.lock().unwrap();
        if state.1 {
            return Err(item);
        }
        state.0.push_back(item);
        let _ = self.capacity;
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        self.state.lock().unwrap().0.pop_front()
    }

    pub fn close(&self) {
        self.state.lock().unwrap().1 = true;
    }
}
