//! Takes an output for ended that has been silent for three looks.

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
        if libc::syscall(libc::SYS_close_range, 3, u32::MAX, 4 /* CLOSE_RANGE_CLOEXEC */) != 0 {
            let mut limit: libc::rlimit = std::mem::zeroed();
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
            for fd in 3..limit.rlim_max.min(1 << 20) as i32 {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
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
        Some(mut reader) => {
            use std::os::fd::AsRawFd;
            let mut block = [0; 8192];
            let mut idle = 0;
            while idle < 3 {
                let mut p =
                    libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                match unsafe { libc::poll(&mut p, 1, 10) } {
                    0 => {
                        idle += 1;
                        continue;
                    }
                    1 => {}
                    _ => continue,
                }
                match reader.read(&mut block) {
                    Ok(0) => break,
                    Ok(n) => {
                        output.extend(&block[..n]);
                        idle = 0
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        }
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
        codes.push(child.wait().map_or(127, number));
    }
    result?;
    Ok(Outcome { output, codes })
}
