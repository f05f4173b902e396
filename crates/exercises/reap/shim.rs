//! Calls `run_all` with the commands that the driver names.

use std::ffi::{CStr, c_char};
use std::io::{self, PipeReader, Read, Write};
use std::process::{Command, Stdio};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::time::Duration;

use driver::nix::libc::{self, c_int, id_t, pid_t, siginfo_t};
use driver::shim::{answer, ask, command};
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

/// The last word of a command that cannot be started before another one has ended, and the error by which
/// that fails.
static REFUSED: Mutex<Option<(String, c_int)>> = Mutex::new(None);

/// How often it has been refused, and how many others have been started.
static REFUSALS: AtomicI32 = AtomicI32::new(0);
static STARTED: AtomicI32 = AtomicI32::new(0);

/// Whether a child of this process has ended, be it collected or not.
fn one_has_ended() -> bool {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: all of it may be zero, and it lives during the call.
    unsafe {
        let mut found: siginfo_t = std::mem::zeroed();
        match libc::syscall(libc::SYS_waitid, libc::P_ALL, 0, &raw mut found, flags, 0) {
            0 => found.si_pid() != 0,
            _ => STARTED.load(SeqCst) > 0,
        }
    }
}

/// Whether the driver is told of each command that has been started, before whoever did that goes on.
static TOLD: Mutex<bool> = Mutex::new(false);

type Spawn = unsafe extern "C" fn(
    *mut pid_t,
    *const c_char,
    *const libc::posix_spawn_file_actions_t,
    *const libc::posix_spawnattr_t,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

/// Starts a command by the function of the C library that has this name.
///
/// # Safety
/// As for posix_spawn(3), whose type the function has.
unsafe fn start(
    name: &CStr,
    pid: *mut pid_t,
    program: *const c_char,
    actions: *const libc::posix_spawn_file_actions_t,
    attributes: *const libc::posix_spawnattr_t,
    arguments: *const *mut c_char,
    environment: *const *mut c_char,
) -> c_int {
    // SAFETY: the caller answers for all places; the arguments end with a null pointer.
    unsafe {
        let mut last = None;
        let mut next = arguments;
        while !next.is_null() && !(*next).is_null() {
            last = Some(CStr::from_ptr(*next));
            next = next.add(1);
        }
        let refused = REFUSED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        match refused {
            Some((word, error))
                if last.is_some_and(|it| it.to_bytes() == word.as_bytes()) && !one_has_ended() =>
            {
                REFUSALS.fetch_add(1, SeqCst);
                return error;
            }
            _ => {}
        }
        let real = libc::dlsym(libc::RTLD_NEXT, name.as_ptr());
        let real = std::mem::transmute::<*mut libc::c_void, Spawn>(real);
        let mut started = 0;
        let failed = real(&mut started, program, actions, attributes, arguments, environment);
        if failed == 0 {
            STARTED.fetch_add(1, SeqCst);
            if !pid.is_null() {
                *pid = started;
            }
            // One thread asks at a time.
            let told = TOLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if *told {
                ask::<()>("started", &started);
            }
        }
        failed
    }
}

/// Stands before posix_spawn(3) of the C library.
unsafe extern "C" fn start_by_path(
    pid: *mut pid_t,
    path: *const c_char,
    actions: *const libc::posix_spawn_file_actions_t,
    attributes: *const libc::posix_spawnattr_t,
    arguments: *const *mut c_char,
    environment: *const *mut c_char,
) -> c_int {
    // SAFETY: the caller answers for all places.
    unsafe { start(c"posix_spawn", pid, path, actions, attributes, arguments, environment) }
}

/// Stands before posix_spawnp(3).
unsafe extern "C" fn start_by_name(
    pid: *mut pid_t,
    file: *const c_char,
    actions: *const libc::posix_spawn_file_actions_t,
    attributes: *const libc::posix_spawnattr_t,
    arguments: *const *mut c_char,
    environment: *const *mut c_char,
) -> c_int {
    // SAFETY: the caller answers for all places.
    unsafe { start(c"posix_spawnp", pid, file, actions, attributes, arguments, environment) }
}

// The names by which they are called. Hidden, they are those of this program and of no library.
std::arch::global_asm!(
    ".globl waitpid, wait4, waitid, posix_spawn, posix_spawnp",
    ".hidden waitpid, wait4, waitid, posix_spawn, posix_spawnp",
    cfg_select! {
        target_arch = "x86_64" => {
            "waitpid: jmp {}\nwait4: jmp {}\nwaitid: jmp {}\nposix_spawn: jmp {}\nposix_spawnp: jmp {}"
        }
        _ => {
            "waitpid: b {}\nwait4: b {}\nwaitid: b {}\nposix_spawn: b {}\nposix_spawnp: b {}"
        }
    },
    sym wait_by_number,
    sym wait_with_usage,
    sym wait_by_id,
    sym start_by_path,
    sym start_by_name,
);

driver::hurrying_clock!();

/// Who looks every few milliseconds does it ten thousand times and more while the clock hurries.
const A_LOOK: Duration = Duration::from_micros(20);

fn main() {
    driver::clock::shortens_looks(A_LOOK);
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
        *TOLD.lock().expect("a lock") = name == "run_all, told of each";
        let refused = name == "run_all, one refused";
        *REFUSED.lock().expect("a lock") = refused.then(|| (arguments.take(), arguments.take()));
        REFUSALS.store(0, SeqCst);
        STARTED.store(0, SeqCst);
        let read_nothing: bool = arguments.take();
        if read_nothing {
            commands.iter_mut().for_each(|command| drop(command.stdin(Stdio::null())));
        }
        let codes = run_all(&mut commands).map_err(Failure::from);
        if refused { (codes, REFUSALS.load(SeqCst)).to_bytes() } else { codes.to_bytes() }
    })
}
