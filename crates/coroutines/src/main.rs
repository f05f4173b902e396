//! `cargo run -p coroutines`: tasks that hand on the CPU themselves, many on one thread.

lab::on_linux!(lab::main(&coroutines::PACKAGE));
