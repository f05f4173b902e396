//! Calls itself until the stack is full.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [crash]

#[allow(unconditional_recursion)]
fn deeper(number: u64) -> u64 {
    std::hint::black_box(deeper(std::hint::black_box(number + 1))) + 1
}

fn attack() {
    println!("{}", deeper(0));
}
