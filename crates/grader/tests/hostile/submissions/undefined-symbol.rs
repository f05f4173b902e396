//! Needs a function that nobody has: the linker says so, and names no line.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile
//! shows: hostile_nowhere

unsafe extern "C" {
    fn hostile_nowhere();
}

fn attack() {
    unsafe { hostile_nowhere() }
}
