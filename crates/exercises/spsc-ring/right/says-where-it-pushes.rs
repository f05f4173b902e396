//! Says where it pushes, between the item and the index.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Ring<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    pushed: AtomicUsize,
    popped: AtomicUsize,
}

// SAFETY: a slot belongs to the producer or to the consumer, never to both.
unsafe impl<T: Send> Sync for Ring<T> {}

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
        let pushed = ring.pushed.load(Ordering::Relaxed);
        // What the consumer did before it gave the slot back has happened when it is written.
        let popped = ring.popped.load(Ordering::Acquire);
        if pushed - popped == ring.slots.len() {
            return Err(item);
        }
        let slot = &ring.slots[pushed % ring.slots.len()];
        // SAFETY: the slot is free, and only this producer fills slots.
        unsafe { (*slot.get()).write(item) };
        println!("push at {pushed}");
        ring.pushed.store(pushed + 1, Ordering::Release);
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        let ring = &*self.0;
        let popped = ring.popped.load(Ordering::Relaxed);
        // What the producer did before it published the item has happened when it is read.
        let pushed = ring.pushed.load(Ordering::Acquire);
        if popped == pushed {
            return None;
        }
        let slot = &ring.slots[popped % ring.slots.len()];
        // SAFETY: the slot is full, and only this consumer empties slots.
        let item = unsafe { (*slot.get()).assume_init_read() };
        ring.popped.store(popped + 1, Ordering::Release);
        Some(item)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let pushed = self.pushed.load(Ordering::Relaxed);
        for index in self.popped.load(Ordering::Relaxed)..pushed {
            let slot = &self.slots[index % self.slots.len()];
            // SAFETY: the slot is full, and both ends are gone.
            unsafe { (*slot.get()).assume_init_drop() };
        }
    }
}
