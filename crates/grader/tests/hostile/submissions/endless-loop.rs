//! Runs for ever.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [stuck]
//! shows: it spins, or computes for too long
//! shows: reap.rs:

fn attack() {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}
