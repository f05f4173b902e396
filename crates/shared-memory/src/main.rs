//! `cargo run -p shared-memory`: memory that two processes see.

lab::on_linux!(lab::main(&shared_memory::PACKAGE));
