//! Calls `run_all` with the commands that the driver names.

use std::io::{self, PipeReader, Read, Write};
use std::process::{Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use driver::nix::libc::{self, c_int, id_t, pid_t, siginfo_t};
use driver::shim::{answer, command};
use driver::{Failure, Wire};
use reap::run_all;

/// The types that a submission must have.
const _: fn(&mut [Command]) -> io::Result<Vec<i32>> = run_all;

/// Gives a command a pipe with this in it to read from, and another one to write to, whose reading end
/// stays here.
fn give(command: &mut Command, input: &[u8]) -> io::Result<PipeReader> {
    let (from, mut to) = io::pipe()?;
    to.write_all(input)?;
    let (output, written) = io::pipe()?;
    command.stdin(from).stdout(written);
    Ok(output)
}

/// Whether a look that finds no child which has ended comes back only when one has.
static HELD: AtomicBool = AtomicBool::new(false);

/// Holds whoever has looked for a child and has found none that has ended, until one has: it ends after
/// the look, and before whatever is done next. Does only what a signal handler may do.
fn hold(which: libc::idtype_t, id: id_t) {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    while HELD.load(SeqCst) {
        // SAFETY: all of it may be zero, and it lives during the call.
        let found = unsafe {
            let mut found: siginfo_t = std::mem::zeroed();
            let none = ptr::null_mut::<libc::rusage>();
            let looked = libc::syscall(libc::SYS_waitid, which, id, &raw mut found, flags, none);
            looked != 0 || found.si_pid() != 0
        };
        if found {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Stands before waitpid(2) of the C library, for whoever calls that.
extern "C" fn wait_by_number(pid: pid_t, status: *mut c_int, flags: c_int) -> pid_t {
    wait_with_usage(pid, status, flags, ptr::null_mut())
}

/// Stands before wait4(2).
extern "C" fn wait_with_usage(
    pid: pid_t,
    status: *mut c_int,
    flags: c_int,
    usage: *mut libc::rusage,
) -> pid_t {
    // SAFETY: the caller answers for the pointers.
    let found = unsafe { libc::syscall(libc::SYS_wait4, pid, status, flags, usage) } as pid_t;
    if found == 0 && flags & libc::WNOHANG != 0 {
        match pid {
            1.. => hold(libc::P_PID, pid as id_t),
            -1 => hold(libc::P_ALL, 0),
            _ => hold(libc::P_PGID, pid.unsigned_abs()),
        }
    }
    found
}

/// Stands before waitid(2).
extern "C" fn wait_by_id(
    which: libc::idtype_t,
    id: id_t,
    found: *mut siginfo_t,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller answers for the pointer, whose content is there where there is one.
    unsafe {
        let usage = ptr::null_mut::<libc::rusage>();
        let waited = libc::syscall(libc::SYS_waitid, which, id, found, flags, usage);
        let none = waited == 0 && !found.is_null() && (*found).si_pid() == 0;
        if none && flags & libc::WNOHANG != 0 {
            hold(which, id);
        }
        waited as c_int
    }
}

// The names by which they are called. Hidden, they are those of this program and of no library.
std::arch::global_asm!(
    ".globl waitpid, wait4, waitid",
    ".hidden waitpid, wait4, waitid",
    cfg_select! {
        target_arch = "x86_64" => { "waitpid: jmp {}\nwait4: jmp {}\nwaitid: jmp {}" }
        _ => { "waitpid: b {}\nwait4: b {}\nwaitid: b {}" }
    },
    sym wait_by_number,
    sym wait_with_usage,
    sym wait_by_id,
);

fn main() {
    answer(|name, arguments| {
        HELD.store(name == "run_all, held after a look", SeqCst);
        let words: Vec<Vec<String>> = arguments.take();
        let mut commands: Vec<Command> = words.iter().map(|words| command(words)).collect();
        // What each of them is given to read; what each has written comes back with the codes.
        if name == "run_all, with pipes" {
            let inputs: Vec<Vec<u8>> = arguments.take();
            let outputs: Vec<PipeReader> = commands
                .iter_mut()
                .zip(inputs)
                .map(|(command, input)| give(command, &input).expect("two pipes"))
                .collect();
            let codes = run_all(&mut commands).map_err(Failure::from);
            // The commands have the writing ends.
            drop(commands);
            let written: Vec<Vec<u8>> = outputs
                .into_iter()
                .map(|mut output| {
                    let mut bytes = Vec::new();
                    output.read_to_end(&mut bytes).expect("a pipe");
                    bytes
                })
                .collect();
            return (codes, written).to_bytes();
        }
        let read_nothing: bool = arguments.take();
        if read_nothing {
            commands.iter_mut().for_each(|command| drop(command.stdin(Stdio::null())));
        }
        run_all(&mut commands).map_err(Failure::from).to_bytes()
    })
}
