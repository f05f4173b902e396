//! Is a linker script as well, and asks the linker to read it.
//!
//! exercise: reap
//! rest: reap
//! verdict: refused
//! shows: the attribute `link`

/* PROVIDE(memcmp = 0); */
#[link(name = "../../reap.rs", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {}

fn attack() {}
