//! A constant that fills the compiler's memory.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile

const HUGE: [u64; 1 << 30] = [7; 1 << 30];

static ALSO: &[u64] = &HUGE;

fn attack() {
    println!("{}", ALSO[std::process::id() as usize]);
}
