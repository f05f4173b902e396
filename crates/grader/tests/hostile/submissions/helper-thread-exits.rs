//! A thread ends everything with success while the check waits.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]

fn attack() {
    std::thread::spawn(|| unsafe { libc::_exit(0) });
    std::thread::sleep(std::time::Duration::from_secs(60));
}
