//! Blocks every signal and waits: it does not say where.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [stuck]

fn attack() {
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
    }
    loop {
        std::thread::park();
    }
}
