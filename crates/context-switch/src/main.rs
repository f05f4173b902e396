//! `cargo run -p context-switch`: what it costs to go from one task to another, and why.

lab::on_linux!(lab::main(&context_switch::PACKAGE));
