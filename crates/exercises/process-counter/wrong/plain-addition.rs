//! Adds as to any other variable.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

const SIZE: NonZeroUsize = NonZeroUsize::new(size_of::<u64>()).unwrap();

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

    fn value(&self) -> *mut u64 {
        self.mapping.cast().as_ptr()
    }

    pub fn add(&self, number: u64) -> u64 {
        // SAFETY: the mapping is aligned and stays until the counter is dropped.
        unsafe {
            let before = *self.value();
            *self.value() += number;
            before
        }
    }

    pub fn get(&self) -> u64 {
        // SAFETY: as in add.
        unsafe { self.value().read_volatile() }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new` with this size, and nobody has a reference to it any more.
        let _ = unsafe { munmap(self.mapping, SIZE.get()) };
    }
}
