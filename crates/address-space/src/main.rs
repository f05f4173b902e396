//! `cargo run -p address-space`: who sees a write.

lab::on_linux!(lab::main(&address_space::PACKAGE));
