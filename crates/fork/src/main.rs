//! `cargo run -p fork`: one call, two returns.

lab::on_linux!(lab::main(&fork::PACKAGE));
