// Wrong. Says full or empty when the other end just has the lock.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

struct Ring<T> {
    locked: AtomicBool,
    items: UnsafeCell<VecDeque<T>>,
    capacity: usize,
}

// SAFETY: one thread at a time has the items.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    fn lock(&self) -> bool {
        !self.locked.swap(true, Ordering::Acquire)
    }

    fn unlock(&self) {
        self.locked.store(false, Ordering::Release);
    }
}

pub struct Producer<T>(Arc<Ring<T>>);

pub struct Consumer<T>(Arc<Ring<T>>);

pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let (locked, items) = (AtomicBool::new(false), UnsafeCell::new(VecDeque::new()));
    let ring = Arc::new(Ring { locked, items, capacity });
    (Producer(Arc::clone(&ring)), Consumer(ring))
}

impl<T: Send> Producer<T> {
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let ring = &*self.0;
        if !ring.lock() {
            return Err(item);
        }
        // SAFETY: the lock is taken.
        let items = unsafe { &mut *ring.items.get() };
        let full = items.len() == ring.capacity;
        let result = if full { Err(item) } else { Ok(items.push_back(item)) };
        ring.unlock();
        result
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        let ring = &*self.0;
        if !ring.lock() {
            return None;
        }
        // SAFETY: the lock is taken.
        let item = unsafe { &mut *ring.items.get() }.pop_front();
        ring.unlock();
        item
    }
}
