//! `cargo run -p pipes`: a stream of bytes between processes: its two ends, its capacity, its name.

lab::on_linux!(lab::main(&pipes::PACKAGE));
