//! Prints 600 MB.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [output]
//! shows: It printed (the beginning of it)

use std::io::Write;

fn attack() {
    let line = [b'x'; 1 << 16];
    for _ in 0..600 * 16 {
        std::io::stdout().write_all(&line).unwrap();
    }
    std::process::exit(0);
}
