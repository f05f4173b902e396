//! Opens descriptors until there are no more, and keeps them.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [descriptor]

fn attack() {
    while unsafe { libc::dup(1) } >= 0 {}
}
