//! A thread touches memory that it does not have.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [crash]
//! shows: SIGSEGV
//! shows: at reap.rs:11

fn attack() {
    std::thread::spawn(|| {
        unsafe { std::ptr::null_mut::<u8>().write_volatile(1) };
    })
    .join()
    .unwrap();
}
