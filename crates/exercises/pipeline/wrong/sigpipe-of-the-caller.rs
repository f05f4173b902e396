//! Lets SIGPIPE end the caller while it forks, and lets it be ignored after that, whatever it was before.

use std::ffi::{CString, c_char, c_int, c_long};
use std::io;
use std::{mem, ptr};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    /// What the last program printed.
    pub output: Vec<u8>,
    /// How each program ended.
    pub codes: Vec<i32>,
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn close(descriptor: c_int) {
    if descriptor >= 0 {
        // SAFETY: it is ours, and nobody uses it any more.
        unsafe { libc::close(descriptor) };
    }
}

/// In the child, where nothing may be allocated. Never returns.
unsafe fn become_program(argv: &[*const c_char], input: c_int, output: c_int) -> ! {
    unsafe {
        if input < 0 {
            // The lowest one is free now, so it becomes 0.
            libc::close(0);
            if libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) != 0 {
                libc::_exit(127);
            }
        } else if libc::dup2(input, 0) < 0 {
            libc::_exit(127);
        }
        if libc::dup2(output, 1) < 0 {
            libc::_exit(127);
        }
        if libc::syscall(libc::SYS_close_range, 3 as c_long, u32::MAX as c_long, 0 as c_long) != 0 {
            for descriptor in 3..1 << 16 {
                libc::close(descriptor);
            }
        }
        let action: libc::sigaction = mem::zeroed();
        for signal in 1..=64 {
            libc::sigaction(signal, &action, ptr::null_mut());
        }
        libc::execvp(argv[0], argv.as_ptr());
        libc::_exit(127)
    }
}

/// 0 if it cannot be started.
fn start(program: &[&str], input: c_int, output: c_int) -> libc::pid_t {
    let Ok(strings) = program.iter().map(|s| CString::new(*s)).collect::<Result<Vec<_>, _>>() else {
        return 0;
    };
    let mut argv: Vec<*const c_char> = strings.iter().map(|s| s.as_ptr()).collect();
    argv.push(ptr::null());
    // SAFETY: the child makes system calls only.
    match unsafe { libc::fork() } {
        -1 => 0,
        // SAFETY: this is the child.
        0 => unsafe { become_program(&argv, input, output) },
        pid => pid,
    }
}

fn wait(pid: libc::pid_t) -> io::Result<i32> {
    if pid == 0 {
        return Ok(127);
    }
    let mut status = 0;
    // SAFETY: status may be written to.
    while let Err(error) = check(unsafe { libc::waitpid(pid, &mut status, 0) }) {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) })
}

fn read_all(descriptor: c_int) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut part = [0; 1 << 14];
    loop {
        // SAFETY: so much room is in `part`.
        match unsafe { libc::read(descriptor, part.as_mut_ptr().cast(), part.len()) } {
            0 => return Ok(all),
            count if count > 0 => all.extend_from_slice(&part[..count as usize]),
            _ => {
                let error = io::Error::last_os_error();
                if error.raw_os_error() != Some(libc::EINTR) {
                    return Err(error);
                }
            }
        }
    }
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    // SAFETY: no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let outcome = run(programs);
    // SAFETY: as Rust's runtime does it.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    outcome
}

fn run(programs: &[&[&str]]) -> io::Result<Outcome> {
    let mut pids = Vec::new();
    let mut input = -1;
    let mut result = Ok(Vec::new());
    for program in programs {
        let mut ends = [-1; 2];
        // SAFETY: there is room for two.
        if let Err(error) = check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }) {
            result = Err(error);
            break;
        }
        pids.push(start(program, input, ends[1]));
        close(input);
        close(ends[1]);
        input = ends[0];
    }
    if result.is_ok() && input >= 0 {
        result = read_all(input);
    }
    close(input);
    let mut codes = Vec::new();
    for pid in pids {
        match wait(pid) {
            Ok(code) => codes.push(code),
            Err(error) => result = Err(error),
        }
    }
    result.map(|output| Outcome { output, codes })
}
