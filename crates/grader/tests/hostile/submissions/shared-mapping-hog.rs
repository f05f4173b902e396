//! Fills shared memory, and keeps only a page of each piece mapped.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [memory]

fn attack() {
    const PIECE: usize = 128 << 20;
    for _ in 0..8 {
        unsafe {
            let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
            let both = libc::PROT_READ | libc::PROT_WRITE;
            let at = libc::mmap(std::ptr::null_mut(), PIECE, both, flags, -1, 0);
            if at == libc::MAP_FAILED {
                break;
            }
            libc::memset(at, 1, PIECE);
            // Long enough for a look.
            std::thread::sleep(std::time::Duration::from_millis(60));
            libc::munmap(at.byte_add(4096), PIECE - 4096);
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
}
