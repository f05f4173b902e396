//! `cargo run -p shared-state`: what one thread writes and another must see whole.

lab::on_linux!(lab::main(&shared_state::PACKAGE));
