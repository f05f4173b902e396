//! `cargo run -p semaphores`: a number of permits: who wants one waits until there is one.

lab::on_linux!(lab::main(&semaphores::PACKAGE));
