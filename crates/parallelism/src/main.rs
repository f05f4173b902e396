//! `cargo run -p parallelism`: work on several CPUs at the same time.

lab::on_linux!(lab::main(&parallelism::PACKAGE));
