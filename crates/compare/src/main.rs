//! `cargo run`: process against thread, measured here and now.

lab::on_linux!(compare::main());
