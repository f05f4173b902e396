//! A value, and a lock beside it.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

struct Shared {
    locked: AtomicBool,
    value: AtomicU64,
}

const SIZE: NonZeroUsize = NonZeroUsize::new(size_of::<Shared>()).unwrap();

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

    fn shared(&self) -> &Shared {
        // SAFETY: the mapping is aligned, filled with zeros, and stays until the counter is dropped.
        unsafe { self.mapping.cast().as_ref() }
    }

    pub fn add(&self, number: u64) -> u64 {
        let Shared { locked, value } = self.shared();
        while locked.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        let before = value.load(Ordering::Relaxed);
        value.store(before + number, Ordering::Relaxed);
        locked.store(false, Ordering::Release);
        before
    }

    pub fn get(&self) -> u64 {
        self.shared().value.load(Ordering::Acquire)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new` with this size, and nobody has a reference to it any more.
        let _ = unsafe { munmap(self.mapping, SIZE.get()) };
    }
}
