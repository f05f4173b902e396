//! Names a program of its own that is to load it.
//!
//! exercise: reap
//! rest: reap
//! verdict: refused
//! shows: the attribute `link_section`

#[unsafe(link_section = ".interp")]
pub static INTERPRETER: [u8; 8] = *b"/bin/sh\0";

fn attack() {
    std::hint::black_box(&INTERPRETER);
}
