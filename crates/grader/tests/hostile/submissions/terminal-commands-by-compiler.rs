//! Lets the compiler print what terminals and workflow runners obey.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile
//! never: \e
//! never: \n::
//! never: ##[

compile_error!("\u{1b}[2J\n::set-output name=score::13\n  ::add-mask::FAIL\n##[error]x\n\u{9b}31m");

fn attack() {}
