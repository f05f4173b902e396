//! `cargo run -p threads`: several paths of execution in one process.

lab::on_linux!(lab::main(&threads::PACKAGE));
