//! A constant whose value takes for ever.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile
//! shows: longer than 10 s

#![allow(long_running_const_eval)]

const NUMBER: u64 = {
    let mut number = 1_u64;
    while number != 0 {
        number = number.wrapping_mul(3);
    }
    number
};

fn attack() {
    println!("{NUMBER}");
}
