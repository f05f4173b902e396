//! Repeats an interrupted wait a thousand times, and takes the program for gone then.

use std::ffi::CString;
use std::io;

/// What a pipeline came to.
#[derive(Debug)]
pub struct Outcome {
    /// What the last program printed.
    pub output: Vec<u8>,
    /// How each program ended, in the order of the programs.
    pub codes: Vec<i32>,
}

fn close(fd: i32) {
    // SAFETY: ours.
    unsafe { libc::close(fd) };
}

/// A pipe whose ends are above 2, and closed by execve.
fn pipe() -> io::Result<[i32; 2]> {
    let mut low = [0; 2];
    // SAFETY: two numbers have room there.
    if unsafe { libc::pipe2(low.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut ends = low;
    for i in 0..2 {
        if low[i] > 2 {
            continue;
        }
        // SAFETY: a number.
        ends[i] = unsafe { libc::fcntl(low[i], libc::F_DUPFD_CLOEXEC, 3) };
        let error = io::Error::last_os_error();
        close(low[i]);
        if ends[i] < 0 {
            close(if i == 0 { low[1] } else { ends[0] });
            return Err(error);
        }
    }
    Ok(ends)
}

/// Starts a program. `None` if it cannot be started.
fn start(program: &[&str], input: i32, output: i32) -> Option<i32> {
    let words: Vec<CString> =
        program.iter().map(|word| CString::new(*word).ok()).collect::<Option<_>>()?;
    let mut argv: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    argv.push(std::ptr::null());
    // SAFETY: the child only calls what is allowed after a fork, until execvp or _exit.
    unsafe {
        let pid = libc::fork();
        if pid != 0 {
            return (pid > 0).then_some(pid);
        }
        libc::dup2(input, 0);
        libc::dup2(output, 1);
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
        libc::execvp(argv[0], argv.as_ptr());
        libc::_exit(127)
    }
}

fn wait(pid: i32) -> i32 {
    for _ in 0..1000 {
        let mut status = 0;
        // SAFETY: it lives longer than the call.
        let got = unsafe { libc::waitpid(pid, &mut status, 0) };
        if got == pid {
            return if libc::WIFEXITED(status) {
                libc::WEXITSTATUS(status)
            } else {
                128 + libc::WTERMSIG(status)
            };
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return 127;
        }
    }
    127
}

fn read_all(from: i32) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        // SAFETY: as long as said.
        let n = unsafe { libc::read(from, buffer.as_mut_ptr().cast(), buffer.len()) };
        if n > 0 {
            output.extend_from_slice(&buffer[..n as usize]);
        } else if n == 0 {
            return Ok(output);
        } else {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EINTR) {
                return Err(error);
            }
        }
    }
}

pub fn pipeline(programs: &[&[&str]]) -> io::Result<Outcome> {
    if programs.is_empty() {
        return Ok(Outcome { output: Vec::new(), codes: Vec::new() });
    }
    // A pipe that nobody writes to is an empty input.
    let [mut input, nobody] = pipe()?;
    close(nobody);
    let mut pids = Vec::new();
    let mut failed = None;
    for program in programs {
        match pipe() {
            Ok([reader, writer]) => {
                pids.push(start(program, input, writer));
                close(input);
                close(writer);
                input = reader;
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let output = match failed {
        None => read_all(input),
        Some(error) => Err(error),
    };
    close(input);
    let codes = pids.into_iter().map(|pid| pid.map_or(127, wait)).collect();
    Ok(Outcome { output: output?, codes })
}
