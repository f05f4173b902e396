//! `cargo run -p memory-isolation`: what keeps a process out of another's memory, who may pass, and what stands inside.

lab::on_linux!(lab::main(&memory_isolation::PACKAGE));
