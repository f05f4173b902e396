//! Contains `unsafe` where the exercise forbids it, and allows it to itself.
//!
//! exercise: bounded-queue
//! verdict: compile
//! shows: unsafe

#![allow(unsafe_code)]

pub struct BoundedQueue<T>(std::marker::PhantomData<T>);

impl<T> BoundedQueue<T> {
    pub fn new(_: usize) -> BoundedQueue<T> {
        unsafe { std::hint::unreachable_unchecked() }
    }
}
