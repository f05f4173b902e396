//! Takes a device without an end in while it is compiled.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile

const ZEROS: &[u8] = include_bytes!("/dev/zero");

fn attack() {
    println!("{}", ZEROS.len());
}
