//! Takes the solution in while it is compiled.
//!
//! exercise: reap
//! verdict: compile
//! shows: couldn't read

include!("{workspace}/crates/exercises/reap/solution.rs");
