//! Asks for another kind of crate, another name, and for what is forbidden.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile

#![crate_type = "proc-macro"]
#![crate_name = "something_else"]
#![feature(rustc_private)]
#![no_main]

fn attack() {}
