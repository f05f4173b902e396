//! Leaves a thread that never ends.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [thread]

fn attack() {
    std::thread::spawn(|| loop {
        std::thread::park();
    });
}
