//! Takes in, while it is compiled, what only root may read.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile
//! shows: couldn't read

const PASSWORDS: &str = include_str!("/etc/shadow");

fn attack() {
    println!("{PASSWORDS}");
}
