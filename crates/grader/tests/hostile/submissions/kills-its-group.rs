//! Kills its process group.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [crash]
//! shows: SIGKILL

fn attack() {
    unsafe { libc::kill(0, libc::SIGKILL) };
}
