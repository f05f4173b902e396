//! `cargo run -p crash-isolation`: who dies with a crash, and who lives on.

fn main() -> std::process::ExitCode {
    lab::main(&crash_isolation::PACKAGE)
}
