//! Closes the grader's channel.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]

fn attack() {
    unsafe { libc::close_range(3, u32::MAX, 0) };
}
