//! `cargo run -p spawn-join`: the same task as a thread and as a process.

fn main() -> std::process::ExitCode {
    lab::main(&spawn_join::PACKAGE)
}
