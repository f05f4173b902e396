//! Raises the caller's limit of descriptors for a long pipeline, and leaves it so.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::{mem, ptr};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    /// What the last program printed.
    pub output: Vec<u8>,
    /// How each program ended.
    pub codes: Vec<i32>,
}

/// Between fork and execve: nothing but 0, 1 and 2 stays open after execve, and no signal is ignored.
fn clean() -> io::Result<()> {
    // SAFETY: system calls only, and zeros are the default action.
    unsafe {
        let flags = libc::CLOSE_RANGE_CLOEXEC as libc::c_long;
        if libc::syscall(libc::SYS_close_range, 3 as libc::c_long, u32::MAX as libc::c_long, flags) != 0 {
            for descriptor in 3..1 << 16 {
                libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
        let action: libc::sigaction = mem::zeroed();
        for signal in 1..=64 {
            libc::sigaction(signal, &action, ptr::null_mut());
        }
    }
    Ok(())
}

fn start(program: &[&str], input: Stdio, output: Stdio) -> Option<Child> {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).stdin(input).stdout(output);
    // SAFETY: `clean` makes system calls only.
    unsafe { command.pre_exec(clean) };
    command.spawn().ok()
}

fn wait(child: Option<Child>) -> io::Result<i32> {
    let Some(mut child) = child else { return Ok(127) };
    let status = child.wait()?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

fn start_all(
    programs: &[&[&str]],
    children: &mut Vec<Option<Child>>,
) -> io::Result<Option<PipeReader>> {
    let mut input: Option<PipeReader> = None;
    for program in programs {
        let (reader, writer) = io::pipe()?;
        let from = input.replace(reader).map_or_else(Stdio::null, Stdio::from);
        children.push(start(program, from, writer.into()));
    }
    Ok(input)
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    if programs.len() > 100 {
        // SAFETY: the limits may be all zeros, and may be written to.
        unsafe {
            let mut limit: libc::rlimit = mem::zeroed();
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
    let mut children = Vec::new();
    let mut output = Vec::new();
    let read = start_all(programs, &mut children).and_then(|reader| {
        reader.map_or(Ok(0), |mut reader| reader.read_to_end(&mut output))
    });
    // Every one is waited for, whatever has failed.
    let codes: Vec<io::Result<i32>> = children.into_iter().map(wait).collect();
    read?;
    Ok(Outcome { output, codes: codes.into_iter().collect::<io::Result<_>>()? })
}
