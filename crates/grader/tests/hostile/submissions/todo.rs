//! Is not written yet.
//!
//! exercise: reap
//! verdict: codes [panic]
//! shows: not yet implemented
//! shows: at reap.rs:

use std::process::Command;

pub fn run_all(_: &mut [Command]) -> std::io::Result<Vec<i32>> {
    todo!()
}
