//! Calls `pipeline` with the programs that the driver names.

use std::cell::Cell;
use std::ffi::{c_char, c_void};
use std::io;
use std::mem::transmute;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, Ordering::SeqCst};

use driver::nix::libc::{self, c_int, id_t, pid_t, rusage, siginfo_t};
use driver::shim::{INTERRUPTION, answer, ask};
use driver::{Failure, Wire};
use pipeline::{Outcome, pipeline};

/// The types that a submission must have.
const _: fn(&[&[&str]]) -> io::Result<Outcome> = pipeline;
const _: fn(Outcome) -> (Vec<u8>, Vec<i32>) = |outcome| (outcome.output, outcome.codes);

/// How often signals come while one waits for a child, or reads, in every call that may last.
static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
const MANY: u32 = 50;
const THOUSANDS: u32 = 2500;

thread_local! {
    /// How often the call that is being made was interrupted so far.
    static INTERRUPTED: Cell<u32> = const { Cell::new(0) };
}

/// How many pipes, and how many processes, can still be had.
static PIPES: AtomicI64 = AtomicI64::new(i64::MAX);
static PROCESSES: AtomicI64 = AtomicI64::new(i64::MAX);
/// Whether it was already said that there is no pipe.
static IS_SAID: AtomicBool = AtomicBool::new(false);
/// Who makes the call.
static CALLER: AtomicU32 = AtomicU32::new(0);

fn sets_errno(errno: c_int) -> c_int {
    // SAFETY: the place of errno is always there.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// Lets a signal come at the beginning of a call, which it ends then, if it is to.
fn is_interrupted(may_last: bool) -> bool {
    let most = INTERRUPTS.load(SeqCst);
    if most == 0 || !may_last || CALLER.load(SeqCst) != process::id() {
        return false;
    }
    let times = INTERRUPTED.get();
    INTERRUPTED.set(if times < most { times + 1 } else { 0 });
    if times < most {
        // SAFETY: the signal has a handler that does nothing.
        unsafe { libc::raise(INTERRUPTION) };
        sets_errno(libc::EINTR);
    }
    times < most
}

/// Stands before read(2).
extern "C" fn read(fd: c_int, to: *mut c_void, length: usize) -> isize {
    if is_interrupted(true) {
        return -1;
    }
    // SAFETY: the caller answers for the place.
    unsafe { libc::syscall(libc::SYS_read, fd, to, length) as isize }
}

/// Stands before pipe2(2). When there is no pipe any more, it says so first.
extern "C" fn pipe_with_flags(ends: *mut c_int, flags: c_int) -> c_int {
    if PIPES.fetch_sub(1, SeqCst) <= 0 {
        if CALLER.load(SeqCst) == process::id() && !IS_SAID.swap(true, SeqCst) {
            ask::<()>("no pipe", &());
        }
        return sets_errno(libc::EMFILE);
    }
    // SAFETY: the caller answers for the place.
    unsafe { libc::syscall(libc::SYS_pipe2, ends, flags) as c_int }
}

/// Stands before pipe(2).
extern "C" fn pipe_without_flags(ends: *mut c_int) -> c_int {
    pipe_with_flags(ends, 0)
}

fn no_process() -> bool {
    PROCESSES.fetch_sub(1, SeqCst) <= 0
}

/// Functions of the C library: fork, posix_spawn, posix_spawnp. They are found before there are threads.
static OF_LIBRARY: [AtomicPtr<c_void>; 3] = [const { AtomicPtr::new(ptr::null_mut()) }; 3];

fn find_in_library() {
    for (name, place) in [c"fork", c"posix_spawn", c"posix_spawnp"].iter().zip(&OF_LIBRARY) {
        // SAFETY: the name ends with a NUL.
        place.store(unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }, SeqCst);
    }
}

/// Stands before fork(2).
extern "C" fn fork_as_there() -> pid_t {
    if no_process() {
        return sets_errno(libc::EAGAIN);
    }
    // SAFETY: the function has this type.
    unsafe { transmute::<*mut c_void, extern "C" fn() -> pid_t>(OF_LIBRARY[0].load(SeqCst))() }
}

type Spawn = extern "C" fn(
    *mut pid_t,
    *const c_char,
    *const c_void,
    *const c_void,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

/// Stands before posix_spawn(3).
extern "C" fn spawn_path(
    pid: *mut pid_t,
    program: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    words: *const *mut c_char,
    variables: *const *mut c_char,
) -> c_int {
    if no_process() {
        return libc::EAGAIN;
    }
    // SAFETY: the function has this type.
    let spawn = unsafe { transmute::<*mut c_void, Spawn>(OF_LIBRARY[1].load(SeqCst)) };
    spawn(pid, program, actions, attributes, words, variables)
}

/// Stands before posix_spawnp(3).
extern "C" fn spawn_name(
    pid: *mut pid_t,
    program: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    words: *const *mut c_char,
    variables: *const *mut c_char,
) -> c_int {
    if no_process() {
        return libc::EAGAIN;
    }
    // SAFETY: the function has this type.
    let spawn = unsafe { transmute::<*mut c_void, Spawn>(OF_LIBRARY[2].load(SeqCst)) };
    spawn(pid, program, actions, attributes, words, variables)
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
    usage: *mut rusage,
) -> pid_t {
    if is_interrupted(flags & libc::WNOHANG == 0) {
        return -1;
    }
    // SAFETY: the caller answers for the pointers.
    unsafe { libc::syscall(libc::SYS_wait4, pid, status, flags, usage) as pid_t }
}

/// Stands before waitid(2).
extern "C" fn wait_by_id(
    which: libc::idtype_t,
    id: id_t,
    found: *mut siginfo_t,
    flags: c_int,
) -> c_int {
    if is_interrupted(flags & libc::WNOHANG == 0) {
        return -1;
    }
    let usage = ptr::null_mut::<rusage>();
    // SAFETY: the caller answers for the pointer.
    unsafe { libc::syscall(libc::SYS_waitid, which, id, found, flags, usage) as c_int }
}

// The names by which they are called. Hidden, they are those of this program and of no library.
std::arch::global_asm!(
    ".globl waitpid, wait4, waitid, read, pipe2, pipe, fork, posix_spawn, posix_spawnp",
    ".hidden waitpid, wait4, waitid, read, pipe2, pipe, fork, posix_spawn, posix_spawnp",
    cfg_select! {
        target_arch = "x86_64" => {
            "waitpid: jmp {}\nwait4: jmp {}\nwaitid: jmp {}\nread: jmp {}\npipe2: jmp {}\n\
             pipe: jmp {}\nfork: jmp {}\nposix_spawn: jmp {}\nposix_spawnp: jmp {}"
        }
        _ => {
            "waitpid: b {}\nwait4: b {}\nwaitid: b {}\nread: b {}\npipe2: b {}\n\
             pipe: b {}\nfork: b {}\nposix_spawn: b {}\nposix_spawnp: b {}"
        }
    },
    sym wait_by_number,
    sym wait_with_usage,
    sym wait_by_id,
    sym read,
    sym pipe_with_flags,
    sym pipe_without_flags,
    sym fork_as_there,
    sym spawn_path,
    sym spawn_name,
);

driver::hurrying_clock!();

fn main() {
    CALLER.store(process::id(), SeqCst);
    find_in_library();
    answer(|name, arguments| {
        let mut few = |which: &str| {
            if name == which { arguments.take::<u64>() as i64 } else { i64::MAX }
        };
        let (pipes, processes) = (few("pipeline, few pipes"), few("pipeline, few processes"));
        let words: Vec<Vec<String>> = arguments.take();
        let words: Vec<Vec<&str>> =
            words.iter().map(|words| words.iter().map(String::as_str).collect()).collect();
        let programs: Vec<&[&str]> = words.iter().map(Vec::as_slice).collect();
        // What a caller has printed is written later. A child has a copy, which nobody may write.
        print!(".");
        let interrupts = match name {
            "pipeline, interrupted thousands of times" => THOUSANDS,
            "pipeline, interrupted" | "pipeline, few pipes" => MANY,
            _ => 0,
        };
        INTERRUPTS.store(interrupts, SeqCst);
        IS_SAID.store(false, SeqCst);
        PIPES.store(pipes, SeqCst);
        PROCESSES.store(processes, SeqCst);
        let outcome = pipeline(&programs).map(|outcome| (outcome.output, outcome.codes));
        PROCESSES.store(i64::MAX, SeqCst);
        PIPES.store(i64::MAX, SeqCst);
        INTERRUPTS.store(0, SeqCst);
        outcome.map_err(Failure::from).to_bytes()
    })
}
