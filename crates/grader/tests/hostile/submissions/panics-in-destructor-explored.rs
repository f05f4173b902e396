//! A destructor panics while a panic unwinds the stack, and the process aborts.
//!
//! exercise: bounded-queue
//! verdict: one-thread [crash]
//! shows: A destructor panicked while another panic was unwinding the stack, so the process aborts.
//! shows: First: not written yet at bounded-queue.rs:26 Then, in the destructor: never pushed at bounded-queue.rs:16

use std::marker::PhantomData;

pub struct BoundedQueue<T>(PhantomData<std::sync::Mutex<T>>);

struct Pushes;

impl Drop for Pushes {
    fn drop(&mut self) {
        panic!("never pushed");
    }
}

impl<T> BoundedQueue<T> {
    pub fn new(_: usize) -> BoundedQueue<T> {
        BoundedQueue(PhantomData)
    }
    pub fn push(&self, _: T) -> Result<(), T> {
        let _pushes = Pushes;
        panic!("not written yet");
    }
    pub fn pop(&self) -> Option<T> {
        None
    }
    pub fn close(&self) {}
}
