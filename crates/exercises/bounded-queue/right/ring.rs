//! A ring of slots that is made once, and two numbers that only rise: how many went in and came out.

use std::sync::{Condvar, Mutex, PoisonError};

pub struct BoundedQueue<T> {
    ring: Mutex<Ring<T>>,
    came: Condvar,
    went: Condvar,
}

struct Ring<T> {
    slots: Box<[Option<T>]>,
    pushed: usize,
    popped: usize,
    closed: bool,
}

impl<T> Ring<T> {
    fn inside(&self) -> usize {
        self.pushed.wrapping_sub(self.popped)
    }
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        let slots = (0..capacity).map(|_| None).collect();
        let ring = Ring { slots, pushed: 0, popped: 0, closed: false };
        BoundedQueue { ring: Mutex::new(ring), came: Condvar::new(), went: Condvar::new() }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |ring: &mut Ring<T>| !ring.closed && ring.inside() == ring.slots.len();
        let mut ring = self.went.wait_while(ring, full).unwrap_or_else(PoisonError::into_inner);
        if ring.closed {
            return Err(item);
        }
        let place = ring.pushed % ring.slots.len();
        ring.slots[place] = Some(item);
        ring.pushed += 1;
        drop(ring);
        self.came.notify_one();
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = |ring: &mut Ring<T>| !ring.closed && ring.inside() == 0;
        let mut ring = self.came.wait_while(ring, empty).unwrap_or_else(PoisonError::into_inner);
        if ring.inside() == 0 {
            return None;
        }
        let place = ring.popped % ring.slots.len();
        let item = ring.slots[place].take();
        ring.popped += 1;
        drop(ring);
        self.went.notify_one();
        item
    }

    pub fn close(&self) {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.came.notify_all();
        self.went.notify_all();
    }
}
