//! Leaks descriptors, and asks not to be looked at.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [descriptor]

fn attack() {
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    std::mem::forget(std::fs::File::open("/dev/null"));
}
