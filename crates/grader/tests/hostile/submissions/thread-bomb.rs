//! Starts threads until it may not.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [processes]

fn attack() {
    let sleep = || loop {
        std::thread::park();
    };
    while std::thread::Builder::new().stack_size(64 << 10).spawn(sleep).is_ok() {}
}
