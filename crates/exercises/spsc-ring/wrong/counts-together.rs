//! Both ends change one common count.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Ring<T> {
    slots: Vec<UnsafeCell<Option<T>>>,
    count: AtomicUsize,
}

// SAFETY: a slot belongs to the producer or to the consumer, never to both.
unsafe impl<T: Send> Sync for Ring<T> {}

pub struct Producer<T> {
    ring: Arc<Ring<T>>,
    next: usize,
}

pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
    next: usize,
}

pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let slots = (0..capacity).map(|_| UnsafeCell::new(None)).collect();
    let ring = Arc::new(Ring { slots, count: AtomicUsize::new(0) });
    (Producer { ring: Arc::clone(&ring), next: 0 }, Consumer { ring, next: 0 })
}

impl<T: Send> Producer<T> {
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let size = self.ring.slots.len();
        if self.ring.count.load(Ordering::Acquire) == size {
            return Err(item);
        }
        let slot = self.ring.slots[self.next % size].get();
        // SAFETY: the consumer has left this slot.
        unsafe { *slot = Some(item) };
        self.next += 1;
        let count = self.ring.count.load(Ordering::Acquire);
        self.ring.count.store(count + 1, Ordering::Release);
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        if self.ring.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let slot = self.ring.slots[self.next % self.ring.slots.len()].get();
        // SAFETY: the producer has filled this slot and left it.
        let item = unsafe { (*slot).take() };
        self.next += 1;
        let count = self.ring.count.load(Ordering::Acquire);
        self.ring.count.store(count - 1, Ordering::Release);
        item
    }
}
