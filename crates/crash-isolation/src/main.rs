//! `cargo run -p crash-isolation`: who dies with a crash, and who lives on.

lab::on_linux!(lab::main(&crash_isolation::PACKAGE));
