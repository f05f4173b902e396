//! `cargo run -p mutexes`: one at a time, and what that costs.

lab::on_linux!(lab::main(&mutexes::PACKAGE));
