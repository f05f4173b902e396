//! `cargo run -p memory-footprint`: what threads and processes hold in memory.

fn main() -> std::process::ExitCode {
    lab::main(&memory_footprint::PACKAGE)
}
