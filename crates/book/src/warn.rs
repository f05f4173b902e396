//! What the reader is warned of, while the server goes on.

use std::io::{self, Write};

/// Warns on stderr, if it is there.
pub fn warn(line: &str) {
    let _ = writeln!(io::stderr(), "book: {}", messages::lines(line));
}
