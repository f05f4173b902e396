//! `cargo run -p clone-flags`: one call, flag by flag: process, thread and container are points on it.

lab::on_linux!(lab::main(&clone_flags::PACKAGE));
