//! `cargo run -p channels`: a message and its ownership go from thread to thread.

lab::on_linux!(lab::main(&channels::PACKAGE));
