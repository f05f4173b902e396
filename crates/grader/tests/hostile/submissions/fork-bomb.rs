//! Forks, and so do its children, without end.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [processes]
//! needs: resource limits

fn attack() {
    loop {
        unsafe { libc::fork() };
    }
}
