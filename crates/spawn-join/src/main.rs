//! `cargo run -p spawn-join`: the same task as a thread and as a process.

lab::on_linux!(lab::main(&spawn_join::PACKAGE));
