// Wrong. A queue under a lock: each end waits for the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

struct Ring<T> {
    items: Mutex<VecDeque<T>>,
    capacity: usize,
}

pub struct Producer<T>(Arc<Ring<T>>);

pub struct Consumer<T>(Arc<Ring<T>>);

pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let ring = Arc::new(Ring { items: Mutex::new(VecDeque::with_capacity(capacity)), capacity });
    (Producer(Arc::clone(&ring)), Consumer(ring))
}

impl<T: Send> Producer<T> {
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let mut items = self.0.items.lock().unwrap();
        if items.len() == self.0.capacity {
            return Err(item);
        }
        items.push_back(item);
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        self.0.items.lock().unwrap().pop_front()
    }
}
