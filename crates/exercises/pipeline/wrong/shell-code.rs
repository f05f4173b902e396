//! Lets a shell do it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let quoted = |word: &&str| format!("'{}'", word.replace('\'', r"'\''"));
    let words = |program: &&[&str]| program.iter().map(quoted).collect::<Vec<_>>().join(" ");
    let line = programs.iter().map(words).collect::<Vec<_>>().join(" | ");
    let ended = Command::new("sh").arg("-c").arg(line).stdin(Stdio::null()).output()?;
    let mut codes = vec![0; programs.len()];
    if let Some(last) = codes.last_mut() {
        *last = code(ended.status);
    }
    Ok(Outcome { output: ended.stdout, codes })
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
