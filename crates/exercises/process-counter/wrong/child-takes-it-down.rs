//! Sets the counter to 0 when it is dropped, also in a child, where others go on with it.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub struct Counter {
    value: *mut AtomicU64,
}

impl Counter {
    pub fn new() -> io::Result<Counter> {
        unsafe {
            let id = libc::shmget(libc::IPC_PRIVATE, size_of::<AtomicU64>(), libc::IPC_CREAT | 0o600);
            if id == -1 {
                return Err(io::Error::last_os_error());
            }
            let address = libc::shmat(id, ptr::null(), 0);
            let error = io::Error::last_os_error();
            libc::shmctl(id, libc::IPC_RMID, ptr::null_mut());
            if address as isize == -1 {
                return Err(error);
            }
            Ok(Counter { value: address.cast() })
        }
    }

    pub fn add(&self, number: u64) -> u64 {
        unsafe { &*self.value }.fetch_add(number, Ordering::Relaxed)
    }

    pub fn get(&self) -> u64 {
        unsafe { &*self.value }.load(Ordering::Relaxed)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        unsafe { {
            (*self.value).store(0, Ordering::Relaxed);
            libc::shmdt(self.value.cast())
        } };
    }
}
