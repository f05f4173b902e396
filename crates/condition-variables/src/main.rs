//! `cargo run -p condition-variables`: how a thread sleeps until something is so, and why it must look again.

lab::on_linux!(lab::main(&condition_variables::PACKAGE));
