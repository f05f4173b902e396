//! Takes a page for itself where no file can be had, and says nothing of it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::memfd::{MFdFlags, memfd_create};

const SIZE: usize = 4096;

#[derive(Debug)]
pub struct Counter {
    value: *mut u64,
}

impl Counter {
    pub fn new() -> io::Result<Counter> {
        let both = libc::PROT_READ | libc::PROT_WRITE;
        let mapping = match memfd_create("counter", MFdFlags::MFD_CLOEXEC).map(File::from) {
            Ok(file) => {
                file.set_len(SIZE as u64)?;
                // SAFETY: the kernel chooses the address, and the file is as long as what is mapped of it.
                unsafe {
                    libc::mmap(ptr::null_mut(), SIZE, both, libc::MAP_SHARED, file.as_raw_fd(), 0)
                }
            }
            Err(_) => {
                let alone = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                // SAFETY: the kernel chooses the address.
                unsafe { libc::mmap(ptr::null_mut(), SIZE, both, alone, -1, 0) }
            }
        };
        if mapping == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Counter { value: mapping.cast() })
    }

    fn value(&self) -> &AtomicU64 {
        // SAFETY: a page is aligned for it, and everybody accesses it as an atomic.
        unsafe { AtomicU64::from_ptr(self.value) }
    }

    pub fn add(&self, number: u64) -> u64 {
        let mut before = self.get();
        loop {
            let after = before.wrapping_add(number);
            let order = (Ordering::AcqRel, Ordering::Relaxed);
            match self.value().compare_exchange_weak(before, after, order.0, order.1) {
                Ok(before) => return before,
                Err(now) => before = now,
            }
        }
    }

    pub fn get(&self) -> u64 {
        self.value().load(Ordering::Acquire)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`, and no reference to it is left.
        unsafe { libc::munmap(self.value.cast(), SIZE) };
    }
}
