//! `cargo run -p creation-cost`: what a thread costs to make, what a process, and what for.

fn main() -> std::process::ExitCode {
    lab::main(&creation_cost::PACKAGE)
}
