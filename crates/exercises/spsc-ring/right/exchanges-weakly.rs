//! Each end moves its own count by a weak exchange in a loop, which may fail for no reason.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Ring<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    pushed: AtomicUsize,
    popped: AtomicUsize,
}

// SAFETY: the slots from `popped` to `pushed` belong to the consumer, the others to the producer.
unsafe impl<T: Send> Sync for Ring<T> {}

pub struct Producer<T>(Arc<Ring<T>>);

pub struct Consumer<T>(Arc<Ring<T>>);

pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let slots = (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let ring = Ring { slots, pushed: AtomicUsize::new(0), popped: AtomicUsize::new(0) };
    let ring = Arc::new(ring);
    (Producer(Arc::clone(&ring)), Consumer(ring))
}

/// Adds one to a count that nobody else changes.
fn advance(count: &AtomicUsize, from: usize) {
    let to = from.wrapping_add(1);
    while count.compare_exchange_weak(from, to, Ordering::Release, Ordering::Relaxed).is_err() {}
}

impl<T> Ring<T> {
    fn slot(&self, count: usize) -> *mut MaybeUninit<T> {
        self.slots[count % self.slots.len()].get()
    }
}

impl<T: Send> Producer<T> {
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let ring = &*self.0;
        let pushed = ring.pushed.load(Ordering::Relaxed);
        if pushed.wrapping_sub(ring.popped.load(Ordering::Acquire)) == ring.slots.len() {
            return Err(item);
        }
        // SAFETY: the ring is not full, so the slot is the producer's.
        unsafe { (*ring.slot(pushed)).write(item) };
        advance(&ring.pushed, pushed);
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        let ring = &*self.0;
        let popped = ring.popped.load(Ordering::Relaxed);
        if ring.pushed.load(Ordering::Acquire) == popped {
            return None;
        }
        // SAFETY: the ring is not empty, so the slot is the consumer's, and is full.
        let item = unsafe { (*ring.slot(popped)).assume_init_read() };
        advance(&ring.popped, popped);
        Some(item)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        for count in *self.popped.get_mut()..*self.pushed.get_mut() {
            // SAFETY: these are the items that nobody has popped.
            unsafe { (*self.slot(count)).assume_init_drop() };
        }
    }
}
