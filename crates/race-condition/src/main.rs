//! `cargo run -p race-condition`: when the result depends on who comes first.

lab::on_linux!(lab::main(&race_condition::PACKAGE));
