//! `cargo run -p creation-cost`: what a thread costs to make, what a process, and what for.

lab::on_linux!(lab::main(&creation_cost::PACKAGE));
