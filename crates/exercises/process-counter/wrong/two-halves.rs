//! Adds the low half, and then the high one with what is carried: between the two, others see
//! neither the old sum nor the new one.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

const SIZE: NonZeroUsize = NonZeroUsize::new(size_of::<AtomicU64>()).unwrap();

#[derive(Debug)]
pub struct Counter {
    mapping: NonNull<c_void>,
}

impl Counter {
    pub fn new() -> io::Result<Counter> {
        let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses an address where nothing is.
        let mapping = unsafe { mmap_anonymous(None, SIZE, both, MapFlags::MAP_SHARED) }?;
        Ok(Counter { mapping })
    }

    fn value(&self) -> &AtomicU64 {
        // SAFETY: the mapping is aligned, filled with zeros, and stays until the counter is dropped.
        unsafe { self.mapping.cast().as_ref() }
    }

    pub fn add(&self, number: u64) -> u64 {
        // SAFETY: eight bytes of the mapping are two times four, aligned for them.
        let [low, high]: &[AtomicU32; 2] = unsafe { self.mapping.cast().as_ref() };
        let before = low.fetch_add(number as u32, Ordering::SeqCst);
        let carried = u32::from(before.checked_add(number as u32).is_none());
        let above = high.fetch_add(((number >> 32) as u32).wrapping_add(carried), Ordering::SeqCst);
        u64::from(above) << 32 | u64::from(before)
    }

    pub fn get(&self) -> u64 {
        self.value().load(Ordering::Relaxed)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new` with this size, and nobody has a reference to it any more.
        let _ = unsafe { munmap(self.mapping, SIZE.get()) };
    }
}
