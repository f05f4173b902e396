//! Slots that know whether they are full; each end remembers its own index and where it last saw the
//! other one, and looks again only if it must.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

struct Ring<T> {
    slots: Vec<UnsafeCell<Option<T>>>,
    written: AtomicUsize,
    read: AtomicUsize,
}

// SAFETY: a slot belongs to the producer or to the consumer, never to both.
unsafe impl<T: Send> Sync for Ring<T> {}

pub struct Producer<T> {
    ring: Arc<Ring<T>>,
    written: usize,
    seen_read: usize,
}

pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
    read: usize,
    seen_written: usize,
}

pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let slots = (0..capacity).map(|_| UnsafeCell::new(None)).collect();
    let ring = Arc::new(Ring { slots, written: AtomicUsize::new(0), read: AtomicUsize::new(0) });
    let producer = Producer { ring: Arc::clone(&ring), written: 0, seen_read: 0 };
    (producer, Consumer { ring, read: 0, seen_written: 0 })
}

impl<T: Send> Producer<T> {
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let size = self.ring.slots.len();
        if self.written - self.seen_read == size {
            self.seen_read = self.ring.read.load(Ordering::Acquire);
            if self.written - self.seen_read == size {
                return Err(item);
            }
        }
        let slot = self.ring.slots[self.written % size].get();
        // SAFETY: the consumer has left this slot.
        unsafe { *slot = Some(item) };
        self.written += 1;
        fence(Ordering::Release);
        self.ring.written.store(self.written, Ordering::Relaxed);
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        if self.read == self.seen_written {
            self.seen_written = self.ring.written.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
        }
        if self.read == self.seen_written {
            return None;
        }
        let slot = self.ring.slots[self.read % self.ring.slots.len()].get();
        // SAFETY: the producer has filled this slot and left it.
        let item = unsafe { (*slot).take() };
        self.read += 1;
        self.ring.read.store(self.read, Ordering::Release);
        item
    }
}
