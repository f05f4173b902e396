//! `cargo run -p supervision`: who starts again what has crashed, and when to stop.

lab::on_linux!(lab::main(&supervision::PACKAGE));
