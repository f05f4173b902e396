//! Stops itself.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [stuck]
//! shows: is stopped

fn attack() {
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
    loop {
        std::thread::park();
    }
}
