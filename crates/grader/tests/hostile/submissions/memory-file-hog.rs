//! Fills files in memory that no process has mapped.
//!
//! exercise: process-counter
//! verdict: counts [memory]

pub struct Counter;

impl Counter {
    pub fn new() -> std::io::Result<Counter> {
        let block = vec![1_u8; 1 << 20];
        for _ in 0..24 {
            let fd = unsafe { libc::memfd_create(c"hostile".as_ptr(), 0) };
            for _ in 0..60 {
                unsafe { libc::write(fd, block.as_ptr().cast(), block.len()) };
            }
        }
        std::thread::sleep(std::time::Duration::from_secs(2));
        Ok(Counter)
    }
    pub fn add(&self, _number: u64) -> u64 {
        0
    }
    pub fn get(&self) -> u64 {
        0
    }
}
