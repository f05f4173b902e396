//! Panics with what a scheduler says that has nothing to do, and with other words of explorers.
//!
//! exercise: bounded-queue
//! verdict: one-thread [panic]
//! shows: test closure did not exercise any concurrency

use std::marker::PhantomData;

pub struct BoundedQueue<T>(PhantomData<std::sync::Mutex<T>>);

impl<T> BoundedQueue<T> {
    pub fn new(_: usize) -> BoundedQueue<T> {
        BoundedQueue(PhantomData)
    }
    pub fn push(&self, _: T) -> Result<(), T> {
        panic!("test closure did not exercise any concurrency")
    }
    pub fn pop(&self) -> Option<T> {
        panic!("deadlock! blocked tasks: []")
    }
    pub fn close(&self) {
        panic!("exceeded max_steps bound 1")
    }
}
