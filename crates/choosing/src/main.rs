//! `cargo run -p choosing`: threads or processes for which task, by what this machine costs.

lab::on_linux!(choosing::advised().unwrap_or_else(|| lab::main(&choosing::PACKAGE)));
