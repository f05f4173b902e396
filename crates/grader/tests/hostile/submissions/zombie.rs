//! Leaves a child that nobody collects.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [zombie]

fn attack() {
    if unsafe { libc::fork() } == 0 {
        unsafe { libc::_exit(0) };
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
}
