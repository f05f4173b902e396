//! Starts each program from a thread that waits for it, and drops the Command with its ends of pipes after that.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::thread;

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let pipes: Vec<(PipeReader, PipeWriter)> =
        programs.iter().map(|_| io::pipe()).collect::<io::Result<_>>()?;
    let mut input = Stdio::null();
    let mut last = None;
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (index, (program, (reader, writer))) in programs.iter().zip(pipes).enumerate() {
            let next = if index + 1 < programs.len() {
                reader.into()
            } else {
                last = Some(reader);
                Stdio::null()
            };
            let input = std::mem::replace(&mut input, next);
            threads.push(scope.spawn(move || run(program, input, writer.into())));
        }
        let mut output = Vec::new();
        let read = last.map_or(Ok(0), |mut last| last.read_to_end(&mut output));
        let codes: Vec<io::Result<i32>> =
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        read?;
        Ok(Outcome { output, codes: codes.into_iter().collect::<io::Result<_>>()? })
    })
}

/// Starts a program, gives its ends of the pipes away with it, and waits until it has ended.
fn run(words: &[&str], input: Stdio, output: Stdio) -> io::Result<i32> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(input).stdout(output);
    // SAFETY: system calls only, and on numbers; the zeros of a sigaction are the default.
    unsafe {
        command.pre_exec(|| {
            let default: libc::sigaction = std::mem::zeroed();
            for signal in 1..=64 {
                libc::sigaction(signal, &default, std::ptr::null_mut());
            }
            libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as i32);
            Ok(())
        });
    }
    let Ok(mut child) = command.spawn() else { return Ok(127) };
    let status = child.wait()?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}
