//! `cargo run -p sockets`: two-way streams between processes: messages, descriptors, and another machine.

lab::on_linux!(lab::main(&sockets::PACKAGE));
