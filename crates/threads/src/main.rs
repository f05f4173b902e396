//! `cargo run -p threads`: several paths of execution in one process.

fn main() -> std::process::ExitCode {
    lab::main(&threads::PACKAGE)
}
