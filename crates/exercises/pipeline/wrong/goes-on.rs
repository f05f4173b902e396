//! Lets a program go on that a signal of the terminal has stopped.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

#[derive(Debug)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub codes: Vec<i32>,
}

fn number(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Between fork and exec.
fn clean() -> io::Result<()> {
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as i32);
    }
    Ok(())
}

fn start(
    programs: &[&[&str]],
    children: &mut Vec<Option<Child>>,
) -> io::Result<Option<PipeReader>> {
    let mut before: Option<PipeReader> = None;
    for program in programs {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).stdout(writer);
        command.stdin(before.take().map_or_else(Stdio::null, Stdio::from));
        unsafe { command.pre_exec(clean) };
        children.push(command.spawn().ok());
        before = Some(reader);
    }
    Ok(before)
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let mut children = Vec::new();
    let mut output = Vec::new();
    let result = start(programs, &mut children).and_then(|reader| match reader {
        Some(mut reader) => reader.read_to_end(&mut output).map(|_| ()),
        None => Ok(()),
    });
    let mut codes = Vec::new();
    for child in &mut children {
        let Some(child) = child else {
            codes.push(127);
            continue;
        };
        if result.is_err() {
            let _ = child.kill();
        }
        let pid = child.id() as i32;
        let mut status = 0;
        loop {
            let waited = unsafe { libc::waitpid(pid, &mut status, libc::WUNTRACED) };
            if waited == pid && libc::WIFSTOPPED(status) {
                if libc::WSTOPSIG(status) != libc::SIGSTOP {
                    unsafe { libc::kill(pid, libc::SIGCONT) };
                }
            } else if waited == pid {
                break;
            }
        }
        codes.push(number(ExitStatus::from_raw(status)));
    }
    result?;
    Ok(Outcome { output, codes })
}
