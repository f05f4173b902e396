//! A ring for one producer and one consumer.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Ring<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// How many items have been pushed. Written by the producer only.
    pushed: AtomicUsize,
    /// How many items have been popped. Written by the consumer only.
    popped: AtomicUsize,
}

// SAFETY: a slot belongs to the producer or to the consumer, never to both.
unsafe impl<T: Send> Sync for Ring<T> {}

/// The end of a ring at which items are pushed.
pub struct Producer<T>(Arc<Ring<T>>);

/// The end of a ring at which items are popped.
pub struct Consumer<T>(Arc<Ring<T>>);

/// A ring that holds `capacity` items. Each end may go to another thread. Items that are left when
/// both ends are dropped are dropped.
pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let slots = (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let (pushed, popped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ring = Arc::new(Ring { slots, pushed, popped });
    (Producer(Arc::clone(&ring)), Consumer(ring))
}

impl<T: Send> Producer<T> {
    /// Puts an item into the ring, or gives it back if the ring is full. Never waits.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let ring = &*self.0;
        // TODO: which of these accesses need more than Relaxed, and what?
        let pushed = ring.pushed.load(Ordering::Relaxed);
        let popped = ring.popped.load(Ordering::Relaxed);
        if pushed - popped == ring.slots.len() {
            return Err(item);
        }
        let slot = &ring.slots[pushed % ring.slots.len()];
        // SAFETY: the slot is free, and only this producer fills slots.
        unsafe { (*slot.get()).write(item) };
        ring.pushed.store(pushed + 1, Ordering::Relaxed);
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    /// Takes the oldest item, or `None` if the ring is empty. Never waits.
    pub fn pop(&mut self) -> Option<T> {
        let ring = &*self.0;
        let popped = ring.popped.load(Ordering::Relaxed);
        let pushed = ring.pushed.load(Ordering::Relaxed);
        if popped == pushed {
            return None;
        }
        let slot = &ring.slots[popped % ring.slots.len()];
        // SAFETY: the slot is full, and only this consumer empties slots.
        let item = unsafe { (*slot.get()).assume_init_read() };
        ring.popped.store(popped + 1, Ordering::Relaxed);
        Some(item)
    }
}

// TODO: nobody drops the items that are left.
