//! Counts in 32 bits: the sum is cut down.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

const SIZE: NonZeroUsize = NonZeroUsize::new(size_of::<AtomicU32>()).unwrap();

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

    fn value(&self) -> &AtomicU32 {
        // SAFETY: the mapping is aligned, filled with zeros, and stays until the counter is dropped.
        unsafe { self.mapping.cast().as_ref() }
    }

    pub fn add(&self, number: u64) -> u64 {
        u64::from(self.value().fetch_add(number as u32, Ordering::Relaxed))
    }

    pub fn get(&self) -> u64 {
        u64::from(self.value().load(Ordering::Relaxed))
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new` with this size, and nobody has a reference to it any more.
        let _ = unsafe { munmap(self.mapping, SIZE.get()) };
    }
}
