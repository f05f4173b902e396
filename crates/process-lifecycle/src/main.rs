//! `cargo run -p process-lifecycle`: how a process begins, ends, is waited for, and what a signal reaches.

lab::on_linux!(lab::main(&process_lifecycle::PACKAGE));
