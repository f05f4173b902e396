//! Ends itself, and changes the exit code on the way out.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]
//! shows: exit code 0

extern "C" fn success() {
    unsafe { libc::_exit(0) };
}

fn attack() {
    unsafe { libc::atexit(success) };
    std::process::exit(1);
}
