//! Finds all memory equal.
//!
//! exercise: reap
//! rest: reap
//! verdict: refused
//! shows: the attribute `no_mangle`

#[unsafe(no_mangle)]
pub extern "C" fn memcmp(_: *const u8, _: *const u8, _: usize) -> i32 {
    0
}

fn attack() {}
