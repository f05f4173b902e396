//! `cargo run -p fork`: one call, two returns.

fn main() -> std::process::ExitCode {
    lab::main(&fork::PACKAGE)
}
