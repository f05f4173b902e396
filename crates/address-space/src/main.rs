//! `cargo run -p address-space`: who sees a write.

fn main() -> std::process::ExitCode {
    lab::main(&address_space::PACKAGE)
}
