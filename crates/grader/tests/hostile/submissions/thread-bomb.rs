//! Starts threads until it may not, and keeps them.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [thread]

fn attack() {
    let sleep = || loop {
        std::thread::park();
    };
    while std::thread::Builder::new().stack_size(64 << 10).spawn(sleep).is_ok() {}
}
