//! Forks, and both come back out of the function.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [strayed]

fn attack() {
    if unsafe { libc::fork() } != 0 {
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}
