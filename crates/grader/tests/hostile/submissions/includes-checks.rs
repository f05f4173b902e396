//! Takes the checks in while it is compiled.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile
//! shows: couldn't read

const CHECKS: &str = include_str!("checks.rs");

fn attack() {
    println!("{CHECKS}");
}
