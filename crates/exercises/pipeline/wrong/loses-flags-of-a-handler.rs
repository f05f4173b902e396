//! Puts back the handler of SIGCHLD by signal(2), which knows no flags and no mask.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    /// What the last program printed.
    pub output: Vec<u8>,
    /// How each program ended, in the order of the programs.
    pub codes: Vec<i32>,
}

/// In the child: nothing ignored, nothing blocked, no descriptor but three.
fn prepare() -> io::Result<()> {
    // SAFETY: calls that are allowed after a fork.
    unsafe {
        for signal in 1..=64 {
            if ![libc::SIGKILL, libc::SIGSTOP, 32, 33].contains(&signal) {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        // std's own pipe stays until the program begins.
        if libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn start(program: &[&str], input: Stdio, output: Stdio) -> io::Result<Child> {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).stdin(input).stdout(output);
    // SAFETY: `prepare` does only what is allowed after a fork.
    unsafe { command.pre_exec(prepare) };
    command.spawn()
}

fn wait(child: Option<Child>) -> i32 {
    let Some(mut child) = child else { return 127 };
    let status = child.wait().expect("it is ours");
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn run(programs: &[&[&str]], children: &mut Vec<Option<Child>>) -> io::Result<Vec<u8>> {
    let mut input = Stdio::null();
    let mut last = None;
    for (place, program) in programs.iter().enumerate() {
        let (reader, writer) = io::pipe()?;
        children.push(start(program, input, writer.into()).ok());
        input = Stdio::null();
        if place + 1 < programs.len() {
            input = reader.into();
        } else {
            last = Some(reader);
        }
    }
    let mut output = Vec::new();
    if let Some(mut last) = last {
        last.read_to_end(&mut output)?;
    }
    Ok(output)
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let mut children = Vec::new();
    // SAFETY: numbers.
    let before = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    let output = run(programs, &mut children);
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGCHLD, before) };
    if output.is_err() {
        for child in children.iter_mut().flatten() {
            let _ = child.kill();
        }
    }
    let codes = children.into_iter().map(wait).collect();
    Ok(Outcome { output: output?, codes })
}
