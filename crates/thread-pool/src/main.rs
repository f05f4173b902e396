//! `cargo run -p thread-pool`: threads that are kept for many short tasks, and what that brings and costs.

lab::on_linux!(lab::main(&thread_pool::PACKAGE));
