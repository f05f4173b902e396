//! `cargo run -p deadlock`: they wait for each other, and somebody notices.

fn main() -> std::process::ExitCode {
    lab::main(&deadlock::PACKAGE)
}
