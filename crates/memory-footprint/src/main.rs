//! `cargo run -p memory-footprint`: what threads and processes hold in memory.

lab::on_linux!(lab::main(&memory_footprint::PACKAGE));
