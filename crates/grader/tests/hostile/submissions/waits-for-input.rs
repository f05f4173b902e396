//! Waits for input that never comes.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [stuck]
//! shows: waits for input
//! shows: reap.rs:

fn attack() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}
