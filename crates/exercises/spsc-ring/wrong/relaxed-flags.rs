// Wrong. Has a flag for each slot, and sets it relaxed.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

struct Slot<T> {
    full: AtomicBool,
    item: UnsafeCell<MaybeUninit<T>>,
}

struct Ring<T>(Box<[Slot<T>]>);

// SAFETY: a slot belongs to the consumer if it is full, and to the producer if it is not.
unsafe impl<T: Send> Sync for Ring<T> {}

/// An end, and the slot that is next for it.
pub struct Producer<T>(Arc<Ring<T>>, usize);

/// An end, and the slot that is next for it.
pub struct Consumer<T>(Arc<Ring<T>>, usize);

pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let item = || UnsafeCell::new(MaybeUninit::uninit());
    let slots = (0..capacity).map(|_| Slot { full: AtomicBool::new(false), item: item() });
    let ring = Arc::new(Ring(slots.collect()));
    (Producer(Arc::clone(&ring), 0), Consumer(ring, 0))
}

impl<T: Send> Producer<T> {
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let slot = &self.0.0[self.1];
        if slot.full.load(Ordering::Acquire) {
            return Err(item);
        }
        // SAFETY: it is not full.
        unsafe { (*slot.item.get()).write(item) };
        slot.full.store(true, Ordering::Relaxed);
        self.1 = (self.1 + 1) % self.0.0.len();
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        let slot = &self.0.0[self.1];
        if !slot.full.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: it is full.
        let item = unsafe { (*slot.item.get()).assume_init_read() };
        slot.full.store(false, Ordering::Release);
        self.1 = (self.1 + 1) % self.0.0.len();
        Some(item)
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        if *self.full.get_mut() {
            // SAFETY: it is full.
            unsafe { self.item.get_mut().assume_init_drop() };
        }
    }
}
