//! `cargo run -p responsiveness`: who waits for whom, and what everybody feels.

lab::on_linux!(lab::main(&responsiveness::PACKAGE));
