//! `cargo run -p scheduling`: how the kernel shares the CPUs out among threads.

lab::on_linux!(lab::main(&scheduling::PACKAGE));
