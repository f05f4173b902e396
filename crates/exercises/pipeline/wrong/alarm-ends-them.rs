//! Has the handler of an alarm end the programs that take longer than three seconds.

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

use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
static PIDS: [AtomicI32; 256] = [const { AtomicI32::new(0) }; 256];
extern "C" fn kills(_: libc::c_int) {
    for p in &PIDS {
        let p = p.load(SeqCst);
        if p > 0 {
            unsafe { libc::kill(p, libc::SIGKILL) };
        }
    }
}
pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    let mut children = Vec::new();
    let mut output = Vec::new();
    let result = start(programs, &mut children).and_then(|reader| match reader {
        Some(mut reader) => reader.read_to_end(&mut output).map(|_| ()),
        None => Ok(()),
    });
    for (slot, c) in PIDS.iter().zip(&children) {
        slot.store(c.as_ref().map_or(0, |c: &Child| c.id() as i32), SeqCst)
    }
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = kills as *const () as usize;
    new.sa_flags = libc::SA_RESTART;
    unsafe {
        libc::sigaction(libc::SIGALRM, &new, &mut old);
        libc::alarm(3);
    }
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
    unsafe {
        libc::alarm(0);
        libc::sigaction(libc::SIGALRM, &old, std::ptr::null_mut());
    }
    for slot in &PIDS {
        slot.store(0, SeqCst)
    }
    result?;
    Ok(Outcome { output, codes })
}
