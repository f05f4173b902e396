//! `cargo run -p mutexes`: one at a time, and what that costs.

fn main() -> std::process::ExitCode {
    lab::main(&mutexes::PACKAGE)
}
