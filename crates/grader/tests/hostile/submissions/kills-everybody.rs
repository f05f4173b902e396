//! Kills every process that it may.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]
//! verdict: none [crash]
//! needs: process namespace or seccomp

fn attack() {
    unsafe {
        libc::kill(-1, libc::SIGTERM);
        libc::kill(-1, libc::SIGKILL);
        libc::_exit(0);
    }
}
