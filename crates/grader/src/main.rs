//! `cargo grade`: judges exercises.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    grader::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("grade: the grader isolates what it judges by means of Linux, and needs it");
    ExitCode::FAILURE
}
