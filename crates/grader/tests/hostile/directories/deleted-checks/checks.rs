//! Checks nothing.

fn main() {
    harness::serve(&[]);
}
