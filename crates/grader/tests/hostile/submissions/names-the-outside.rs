//! Keeps its state in a file, where schedules cannot see it, and asks for its caller.
//!
//! exercise: bounded-queue
//! verdict: refused
//! shows: the module `fs`
//! shows: `track_caller`

use std::{fs, sync::Mutex};

pub struct BoundedQueue<T>(Mutex<Vec<T>>);

impl<T> BoundedQueue<T> {
    pub fn new(_capacity: usize) -> BoundedQueue<T> {
        BoundedQueue(Mutex::new(Vec::new()))
    }
    #[track_caller]
    pub fn push(&self, item: T) -> Result<(), T> {
        let _ = fs::write("/tmp/hostile-state", "here");
        Err(item)
    }
    pub fn pop(&self) -> Option<T> {
        None
    }
    pub fn close(&self) {}
}
