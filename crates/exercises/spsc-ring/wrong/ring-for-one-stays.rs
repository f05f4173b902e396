//! Frees the items' memory only where there is more than one: a ring for one keeps it for good.

use std::alloc::{self, Layout};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Ring<T> {
    buffer: NonNull<T>,
    capacity: usize,
    pushed: AtomicUsize,
    popped: AtomicUsize,
}

// SAFETY: a slot belongs to the producer or to the consumer, never to both.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

pub struct Producer<T>(Arc<Ring<T>>);

pub struct Consumer<T>(Arc<Ring<T>>);

pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let layout = Layout::array::<T>(capacity).expect("a capacity that fits");
    let buffer = if layout.size() == 0 {
        NonNull::dangling()
    } else {
        // SAFETY: its size is not 0.
        NonNull::new(unsafe { alloc::alloc(layout) }.cast())
            .unwrap_or_else(|| alloc::handle_alloc_error(layout))
    };
    let (pushed, popped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ring = Arc::new(Ring { buffer, capacity, pushed, popped });
    (Producer(Arc::clone(&ring)), Consumer(ring))
}

impl<T: Send> Producer<T> {
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let ring = &*self.0;
        let pushed = ring.pushed.load(Ordering::Relaxed);
        let popped = ring.popped.load(Ordering::Acquire);
        if pushed.wrapping_sub(popped) == ring.capacity {
            return Err(item);
        }
        // SAFETY: the slot is free, and only this producer fills slots.
        unsafe { ring.buffer.as_ptr().add(pushed % ring.capacity).write(item) };
        ring.pushed.store(pushed.wrapping_add(1), Ordering::Release);
        Ok(())
    }
}

impl<T: Send> Consumer<T> {
    pub fn pop(&mut self) -> Option<T> {
        let ring = &*self.0;
        let popped = ring.popped.load(Ordering::Relaxed);
        if popped == ring.pushed.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: the slot is full, and only this consumer empties slots.
        let item = unsafe { ring.buffer.as_ptr().add(popped % ring.capacity).read() };
        ring.popped.store(popped.wrapping_add(1), Ordering::Release);
        Some(item)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        for index in *self.popped.get_mut()..*self.pushed.get_mut() {
            // SAFETY: the slot is full, and both ends are gone.
            unsafe { ptr::drop_in_place(self.buffer.as_ptr().add(index % self.capacity)) };
        }
        let layout = Layout::array::<T>(self.capacity).expect("as when it was made");
        if self.capacity > 1 && layout.size() != 0 {
            // SAFETY: it was allocated with this layout.
            unsafe { alloc::dealloc(self.buffer.as_ptr().cast(), layout) };
        }
    }
}
