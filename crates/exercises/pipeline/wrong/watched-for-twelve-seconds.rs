//! Has a thread end the programs that take longer than twelve seconds.

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
        Some(mut reader) => reader.read_to_end(&mut output).map(|_| ()),
        None => Ok(()),
    });
    let pids: Vec<i32> = children.iter().flatten().map(|c: &Child| c.id() as i32).collect();
    let (tx, rx) = std::sync::mpsc::channel::<()>();
    let helper = std::thread::spawn(move || {
        if rx.recv_timeout(std::time::Duration::from_secs(12))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            for p in pids {
                unsafe { libc::kill(p, libc::SIGTERM) };
            }
        }
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
    drop(tx);
    helper.join().unwrap();
    result?;
    Ok(Outcome { output, codes })
}
