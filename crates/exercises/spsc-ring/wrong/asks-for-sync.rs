//! Can be sent to another thread only with items that threads may share.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

struct Ring<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    pushed: AtomicUsize,
    popped: AtomicUsize,
}

unsafe impl<T: Send + Sync> Sync for Ring<T> {}

pub struct Producer<T>(Arc<Ring<T>>);
pub struct Consumer<T>(Arc<Ring<T>>);

pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let slots = (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let (pushed, popped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ring = Arc::new(Ring { slots, pushed, popped });
    (Producer(Arc::clone(&ring)), Consumer(ring))
}

impl<T: Send> Producer<T> {
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let ring = &*self.0;
        let pushed = ring.pushed.load(Relaxed);
        let popped = ring.popped.load(Acquire);
        if pushed - popped == ring.slots.len() {
            return Err(item);
        }
        let slot = &ring.slots[pushed % ring.slots.len()];
        unsafe { (*slot.get()).write(item) };
        ring.pushed.store(pushed + 1, Release);
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        let ring = &*self.0;
        let popped = ring.popped.load(Relaxed);
        let pushed = ring.pushed.load(Acquire);
        if popped == pushed {
            return None;
        }
        let slot = &ring.slots[popped % ring.slots.len()];
        let item = unsafe { (*slot.get()).assume_init_read() };
        ring.popped.store(popped + 1, Release);
        Some(item)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let len = self.slots.len();
        for i in *self.popped.get_mut()..*self.pushed.get_mut() {
            unsafe { self.slots[i % len].get_mut().assume_init_drop() };
        }
    }
}
