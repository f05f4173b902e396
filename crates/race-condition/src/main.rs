//! `cargo run -p race-condition`: when the result depends on who comes first.

fn main() -> std::process::ExitCode {
    lab::main(&race_condition::PACKAGE)
}
