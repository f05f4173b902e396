//! `cargo run -p ipc-cost`: what a message costs.

lab::on_linux!(lab::main(&ipc_cost::PACKAGE));
