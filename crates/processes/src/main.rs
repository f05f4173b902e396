//! `cargo run -p processes`: a run of a program: what the kernel keeps for it, and which states it goes through.

lab::on_linux!(lab::main(&processes::PACKAGE));
