//! Forks; the parent leaves and the child is to carry on.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]
//! verdict: none [strayed]

fn attack() {
    if unsafe { libc::fork() } != 0 {
        unsafe { libc::_exit(0) };
    }
}
