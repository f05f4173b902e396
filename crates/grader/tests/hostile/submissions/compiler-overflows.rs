//! Nests so deep that the compiler crashes.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile

#![recursion_limit = "1000000"]

macro_rules! nest {
    ($($inner:tt)*) => { nest!(($($inner)*)) };
}

fn attack() {
    nest!(1);
}
