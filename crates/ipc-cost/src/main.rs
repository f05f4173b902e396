//! `cargo run -p ipc-cost`: what a message costs.

fn main() -> std::process::ExitCode {
    lab::main(&ipc_cost::PACKAGE)
}
