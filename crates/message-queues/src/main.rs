//! `cargo run -p message-queues`: whole messages, with priorities, kept by the kernel until somebody takes them.

lab::on_linux!(lab::main(&message_queues::PACKAGE));
