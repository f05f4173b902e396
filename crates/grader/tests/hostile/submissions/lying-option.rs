//! Pops a type of its own that is equal to everything.
//!
//! exercise: bounded-queue
//! verdict: compile
//! shows: mismatched types

#[derive(Debug, PartialOrd, Eq, Ord)]
pub struct Popped;

impl<T> PartialEq<T> for Popped {
    fn eq(&self, _: &T) -> bool {
        true
    }
}

impl Popped {
    pub fn unwrap(self) -> i32 {
        1
    }
}

pub struct BoundedQueue<T>(std::marker::PhantomData<std::sync::Mutex<T>>);

impl<T> BoundedQueue<T> {
    pub fn new(_: usize) -> BoundedQueue<T> {
        BoundedQueue(std::marker::PhantomData)
    }

    pub fn push(&self, _: T) -> Result<(), T> {
        Ok(())
    }

    pub fn pop(&self) -> Popped {
        Popped
    }

    pub fn close(&self) {}
}
