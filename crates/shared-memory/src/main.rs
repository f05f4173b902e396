//! `cargo run -p shared-memory`: memory that two processes see.

fn main() -> std::process::ExitCode {
    lab::main(&shared_memory::PACKAGE)
}
