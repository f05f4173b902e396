//! Puts a Mutex of the standard library into the mapping.

use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

const SIZE: NonZeroUsize = NonZeroUsize::new(size_of::<Mutex<u64>>()).unwrap();

#[derive(Debug)]
pub struct Counter {
    value: NonNull<Mutex<u64>>,
}

impl Counter {
    pub fn new() -> io::Result<Counter> {
        let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses an address where nothing is.
        let mapping = unsafe { mmap_anonymous(None, SIZE, both, MapFlags::MAP_SHARED) }?;
        let value = mapping.cast();
        // SAFETY: the mapping is writable, aligned and large enough.
        unsafe { value.write(Mutex::new(0)) };
        Ok(Counter { value })
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // SAFETY: `new` has put a mutex there.
        let mutex = unsafe { self.value.as_ref() };
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, number: u64) -> u64 {
        let mut value = self.lock();
        let before = *value;
        *value += number;
        before
    }

    pub fn get(&self) -> u64 {
        *self.lock()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new` with this size, and nobody has a reference to it any more.
        let _ = unsafe { munmap(self.value.cast(), SIZE.get()) };
    }
}
