//! `cargo run -p deadlock`: they wait for each other, and somebody notices.

lab::on_linux!(lab::main(&deadlock::PACKAGE));
