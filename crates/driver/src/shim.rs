//! The other end, inside the submission's program: a thin layer that takes a request off a socket,
//! calls the submission's function, and sends what it returned. Nothing here is trusted: who takes
//! its place must answer the same questions.

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::ffi::OsStr;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::SeqCst};

use crate::clock;
use crate::wire::{Failure, Wire, frame, unframe};

/// The descriptor over which requests come.
pub(crate) const REQUESTS: i32 = 3;

/// The signal that asks every thread where it is.
pub(crate) const WHERE_ARE_YOU: i32 = 62;

/// The signal that interrupts whatever a thread waits in: it has a handler that does nothing.
pub const INTERRUPTION: i32 = libc::SIGUSR1;

/// Kinds of frames.
pub(crate) mod kind {
    pub(crate) const READY: u8 = b'r';
    pub(crate) const CALL: u8 = b'c';
    pub(crate) const ANSWER: u8 = b'a';
    pub(crate) const QUESTION: u8 = b'q';
    pub(crate) const REPLY: u8 = b'R';
    pub(crate) const PANIC: u8 = b'p';
    pub(crate) const STRAYED: u8 = b's';
    pub(crate) const CRASH: u8 = b'x';
    pub(crate) const HERE: u8 = b'h';
}

static CHANNEL: AtomicI32 = AtomicI32::new(REQUESTS);
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// The panics since the last request: what each said, where it was, and the name of its thread.
static PANICS: Mutex<Vec<(String, String, String)>> = Mutex::new(Vec::new());

thread_local! {
    static COME: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The arguments of a request, in order.
#[derive(Debug)]
pub struct Arguments(Vec<u8>, usize);

impl Arguments {
    pub(crate) fn new(bytes: Vec<u8>) -> Arguments {
        Arguments(bytes, 0)
    }

    /// The next one. Ends the check, or the request, if it cannot be read.
    pub fn take<T: Wire>(&mut self) -> T {
        let mut rest = &self.0[self.1..];
        let value = T::take(&mut rest).unwrap_or_else(|| {
            crate::fail("forged", "What was sent cannot be read: it is not from the shim.")
        });
        self.1 = self.0.len() - rest.len();
        value
    }

    /// The next one: a program and its arguments.
    pub fn command(&mut self) -> Command {
        command(&self.take::<Vec<String>>())
    }
}

/// A command of this program and these arguments.
pub fn command(words: &[String]) -> Command {
    let (program, arguments) = words.split_first().expect("a program");
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The `main` of the submission's program: answers requests by `call`, which gets the name of what is
/// to be called.
pub fn answer(mut call: impl FnMut(&str, &mut Arguments) -> Vec<u8>) -> ! {
    install();
    PROCESS.store(std::process::id(), SeqCst);
    std::panic::set_hook(Box::new(|info| {
        // What panics in std was called by somebody.
        let known = info.location().filter(|at| !at.file().contains('/'));
        let caller = if known.is_none() { line_of_submission() } else { None };
        let at = caller.or(info.location().map(|at| format!("{}:{}", at.file(), at.line())));
        let thread = std::thread::current().name().unwrap_or("a thread without a name").to_owned();
        let words = (crate::words_of(info.payload()), at.unwrap_or_default(), thread);
        // The last panic that does more than pass another one on explains the others.
        if !words.0.contains("on an `Err` value: Any") && words.0 != "a scoped thread panicked" {
            PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(words);
        }
    }));
    let mut children = Vec::new();
    send(kind::READY, &[]);
    loop {
        let body = receive(kind::CALL);
        let mut arguments = Arguments(body, 0);
        PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
        let name: String = arguments.take();
        let done = catch_unwind(AssertUnwindSafe(|| {
            own(&name, &mut arguments, &mut children)
                .unwrap_or_else(|| Some(call(&name, &mut arguments)))
        }));
        if PROCESS.load(SeqCst) != std::process::id() {
            // A copy of this process, made by the submission, has come out of the function that made
            // it, and would now go on as if it were the caller.
            send(kind::STRAYED, &[]);
            // SAFETY: _exit(2) is always safe to call.
            unsafe { libc::_exit(1) };
        }
        match done {
            Ok(Some(answer)) => send(kind::ANSWER, &answer),
            Ok(None) => send(kind::READY, &[]),
            Err(payload) => {
                let told = PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
                let words = (crate::words_of(payload.as_ref()), String::new(), String::new());
                send(kind::PANIC, &told.unwrap_or(words).to_bytes());
            }
        }
    }
}

/// The innermost line of this stack that is in the submission: sources that are compiled here have names
/// without a directory.
fn line_of_submission() -> Option<String> {
    let trace = std::backtrace::Backtrace::force_capture().to_string();
    let places = trace.lines().filter_map(|line| line.trim().strip_prefix("at "));
    let places = places.map(|place| place.trim_start_matches("./"));
    let (place, _column) =
        places.filter(|it| !it.contains('/')).find_map(|it| it.rsplit_once(':'))?;
    Some(place.to_owned())
}

/// Asks the driver, while a request of it is being answered.
pub fn ask<T: Wire>(name: &str, arguments: &impl Wire) -> T {
    let mut body = name.to_owned().to_bytes();
    arguments.put(&mut body);
    send(kind::QUESTION, &body);
    T::from_bytes(&receive(kind::REPLY)).expect("a reply as the driver writes it")
}

/// Whether another request has come, for one that goes on until then.
pub fn is_enough() -> bool {
    come() >= Some(0)
}

/// How many bytes of further requests have come, as far as one looks; `None` if there are none.
pub(crate) fn come() -> Option<usize> {
    let (channel, mut buffer) = (CHANNEL.load(SeqCst), [0_u8; 64]);
    // SAFETY: the buffer is as long as said, and lives during the call.
    let length = unsafe {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        libc::recv(channel, buffer.as_mut_ptr().cast(), buffer.len(), flags)
    };
    usize::try_from(length).ok()
}

/// A real socket whose other end the driver has.
pub fn socket() -> OwnedFd {
    let socket = crate::stage::hand_over(crate::stage::who::PEER, "");
    // SAFETY: the descriptor was made for this and belongs to nobody else.
    unsafe { OwnedFd::from_raw_fd(socket) }
}

/// Requests that every submission's program understands; `None` if it is none of them.
fn own(
    name: &str,
    arguments: &mut Arguments,
    children: &mut Vec<Child>,
) -> Option<Option<Vec<u8>>> {
    Some(Some(match name {
        "enough" => Vec::new(),
        "hurry" => {
            clock::hurry();
            ().to_bytes()
        }
        "leap" => {
            clock::leap(arguments.take(), arguments.take(), arguments.take());
            ().to_bytes()
        }
        clock::WORD => {
            clock::is_over();
            ().to_bytes()
        }
        // A child of the caller that is none of the submission's business.
        "start" => {
            let child = arguments.command().spawn();
            let started = child.map(|child| {
                children.push(child);
                children[children.len() - 1].id() as i32
            });
            started.map_err(Failure::from).to_bytes()
        }
        // Collects the next of these.
        "collect" => {
            let mut child = children.remove(0);
            use std::os::unix::process::ExitStatusExt;
            child.wait().map(|status| status.into_raw()).map_err(Failure::from).to_bytes()
        }
        // What is to be known of a child that has stopped or goes on.
        "learn" => {
            let mut status = 0;
            let pid: i32 = arguments.take();
            let flags = libc::WUNTRACED | libc::WCONTINUED | libc::WNOHANG;
            // SAFETY: the status lives during the call.
            let waited = unsafe { libc::waitpid(pid, &mut status, flags) };
            (waited == pid).then_some(status).to_bytes()
        }
        // Variables in the caller's environment.
        "set-variables" => {
            for (name, value) in arguments.take::<Vec<(Vec<u8>, Vec<u8>)>>() {
                let [name, value] = [&name, &value].map(|bytes| OsStr::from_bytes(bytes));
                // SAFETY: nobody else looks at the environment: this process has one thread.
                unsafe { std::env::set_var(name, value) };
            }
            ().to_bytes()
        }
        "change-directory" => {
            let to: Vec<u8> = arguments.take();
            std::env::set_current_dir(OsStr::from_bytes(&to)).expect("a directory");
            ().to_bytes()
        }
        // Signals that the caller ignores, takes as they come, or has a handler for.
        "be-deaf" | "hear" | "handle" => {
            let to = match name {
                "hear" => libc::SIG_DFL,
                "be-deaf" => libc::SIG_IGN,
                _ => interrupted_by as *const () as libc::sighandler_t,
            };
            set_signals(&arguments.take::<Vec<i32>>(), to);
            ().to_bytes()
        }
        "actions" => (1..=64).filter_map(action_of).collect::<Vec<String>>().to_bytes(),
        // Signals that the caller blocks, and no other.
        "block" => {
            // SAFETY: the set is made before it is used, and lives during the calls.
            unsafe {
                let mut set: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&mut set);
                for signal in arguments.take::<Vec<i32>>() {
                    libc::sigaddset(&mut set, signal);
                }
                libc::sigprocmask(libc::SIG_SETMASK, &set, ptr::null_mut());
            }
            ().to_bytes()
        }
        // Descriptors that the caller leaves to what it executes.
        "open" => {
            for descriptor in arguments.take::<Vec<i32>>() {
                if descriptor == CHANNEL.load(SeqCst) {
                    move_channel(HIGH);
                }
                // SAFETY: the path is text with a NUL; the other calls take integers.
                unsafe {
                    let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
                    if null == descriptor {
                        // dup2(2) does nothing where both are the same.
                        libc::fcntl(null, libc::F_SETFD, 0);
                    } else {
                        libc::dup2(null, descriptor);
                        libc::close(null);
                    }
                }
            }
            ().to_bytes()
        }
        "close" => {
            let all = arguments.take::<Vec<i32>>();
            // SAFETY: close(2) takes an integer; these descriptors are the caller's own.
            let gone = all.into_iter().filter(|fd| unsafe { libc::close(*fd) } != 0).count();
            if CHANNEL.load(SeqCst) >= HIGH {
                move_channel(REQUESTS);
            }
            (gone == 0).to_bytes()
        }
        // Lowers a limit, or puts it back to the most that it may be.
        "limit" => {
            let resource: i32 = arguments.take();
            let value: Option<u64> = arguments.take();
            WATCHING.store(false, SeqCst);
            let watcher = WATCHER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
            watcher.map(std::thread::JoinHandle::join);
            limit(resource as libc::__rlimit_resource_t, value).to_bytes()
        }
        // Lowers a limit as soon as this process has so many children.
        "limit-after" => {
            let (count, resource, value): (u64, i32, u64) = arguments.take();
            let resource = resource as libc::__rlimit_resource_t;
            WATCHING.store(true, SeqCst);
            let watcher = std::thread::spawn(move || watch(count as usize, resource, value));
            *WATCHER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(watcher);
            ().to_bytes()
        }
        // Forks a process that takes requests by itself.
        "fork" => {
            // SAFETY: the child goes on as this process would, which has one thread.
            match unsafe { libc::fork() } {
                0 => {
                    PROCESS.store(std::process::id(), SeqCst);
                    // SAFETY: the descriptor is this process's channel, and is replaced.
                    unsafe { libc::close(CHANNEL.load(SeqCst)) };
                    CHANNEL.store(crate::stage::hand_over(crate::stage::who::FORK, ""), SeqCst);
                    COME.set(Vec::new());
                    children.clear();
                    // The parent answers this request; here the next one comes from elsewhere.
                    return Some(None);
                }
                pid => pid.to_bytes(),
            }
        }
        // Ends this process, one that was forked.
        "exit" => {
            // SAFETY: _exit(2) is always safe to call.
            unsafe { libc::_exit(arguments.take()) }
        }
        // Collects a child by its number.
        "wait" => {
            let mut status = 0;
            let pid: i32 = arguments.take();
            // SAFETY: the status lives during the call.
            let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
            (waited == pid).then_some(status).to_bytes()
        }
        _ => return None,
    }))
}

/// Where the channel is while the caller has another descriptor of its number open, or above.
const HIGH: i32 = 200;

/// Moves the channel to the lowest descriptor that is free from this one on.
fn move_channel(from: i32) {
    let before = CHANNEL.load(SeqCst);
    // SAFETY: both take integers; the channel is this process's own.
    unsafe {
        CHANNEL.store(libc::fcntl(before, libc::F_DUPFD_CLOEXEC, from), SeqCst);
        libc::close(before);
    }
}

/// Sets what is done at these signals: of a handler, by flags and a mask that signal(2) does not know.
fn set_signals(signals: &[i32], to: libc::sighandler_t) {
    for signal in signals {
        // SAFETY: a handler that is installed does nothing; the structure lives during the call.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = to;
            action.sa_flags = libc::SA_RESTART;
            if ![libc::SIG_DFL, libc::SIG_IGN].contains(&to) {
                action.sa_flags |= libc::SA_SIGINFO | libc::SA_NODEFER;
                libc::sigaddset(&mut action.sa_mask, libc::SIGUSR2);
            }
            libc::sigaction(*signal, &action, ptr::null_mut());
        }
    }
}

/// What is done at a signal that has a handler, or says more of children than it does by default; without
/// the flag by which the C library returns from a handler.
fn action_of(signal: i32) -> Option<String> {
    // SAFETY: the structure lives during the calls; asking changes nothing.
    let (asked, action, mask) = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(signal, ptr::null(), &mut action);
        let mask = (1..=64).filter(|it| libc::sigismember(&action.sa_mask, *it) == 1);
        (asked, action, mask.collect::<Vec<i32>>())
    };
    let name = crate::observe::signal_name(signal);
    let flags = action.sa_flags & !SA_RESTORER;
    let of_children = flags & (libc::SA_NOCLDSTOP | libc::SA_NOCLDWAIT);
    match action.sa_sigaction {
        _ if asked != 0 => None,
        libc::SIG_DFL | libc::SIG_IGN if signal != libc::SIGCHLD || of_children == 0 => None,
        libc::SIG_DFL | libc::SIG_IGN => Some(format!("{name} has the flags {of_children:#x}")),
        handler => Some(format!(
            "{name} has the handler {handler:#x}, the flags {flags:#x} and the mask {mask:?}"
        )),
    }
}

/// See sigreturn(2).
const SA_RESTORER: i32 = 0x0400_0000;

static WATCHING: AtomicBool = AtomicBool::new(false);
static WATCHER: Mutex<Option<std::thread::JoinHandle<()>>> = Mutex::new(None);

/// Looks all the time for children of the first thread, or of any, and lowers the limit when there are
/// so many.
fn watch(count: usize, resource: libc::__rlimit_resource_t, value: u64) {
    let me = std::process::id();
    while WATCHING.load(SeqCst) {
        let all = std::fs::read_to_string(format!("/proc/{me}/task/{me}/children"));
        let children = all.map_or(0, |all| all.split_whitespace().count());
        if children >= count {
            limit(resource, Some(value));
            return;
        }
        std::thread::yield_now();
    }
}

pub(crate) fn limit(resource: libc::__rlimit_resource_t, value: Option<u64>) -> bool {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives during the calls.
    unsafe {
        libc::getrlimit(resource, &mut limits);
        limits.rlim_cur = value.unwrap_or(limits.rlim_max).min(limits.rlim_max);
        libc::setrlimit(resource, &limits) == 0
    }
}

fn send(kind: u8, body: &[u8]) {
    let bytes = frame(kind, body);
    let mut left = &bytes[..];
    while !left.is_empty() {
        // SAFETY: the buffer lives during the call.
        let sent = unsafe {
            let flags = libc::MSG_NOSIGNAL;
            libc::send(CHANNEL.load(SeqCst), left.as_ptr().cast(), left.len(), flags)
        };
        match sent {
            0.. => left = &left[sent as usize..],
            _ if interrupted() => {}
            // SAFETY: _exit(2) is always safe to call. Nobody asks for anything any more.
            _ => unsafe { libc::_exit(1) },
        }
    }
}

fn receive(expected: u8) -> Vec<u8> {
    let mut come = COME.take();
    loop {
        match unframe(&mut come) {
            Ok(Some((kind, body))) => {
                COME.set(come);
                assert_eq!(kind, expected, "what the driver sends");
                return body;
            }
            Ok(None) => {}
            Err(()) => panic!("what the driver sends"),
        }
        let mut buffer = [0_u8; 16 * 1024];
        let channel = CHANNEL.load(SeqCst);
        // SAFETY: the buffer is writable and as long as said.
        let length = unsafe { libc::recv(channel, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        match length {
            1.. => come.extend(&buffer[..length as usize]),
            -1 if interrupted() => {}
            // SAFETY: _exit(2) is always safe to call. The driver asks for nothing more.
            _ => unsafe { libc::_exit(0) },
        }
    }
}

fn interrupted() -> bool {
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
}

/// Bytes of the stack on which the handlers run: reading debug information takes some.
const STACK: usize = 512 * 1024;

fn install() {
    let stack = Box::leak(vec![0_u8; STACK].into_boxed_slice());
    // SAFETY: the stack is never freed; the handlers have the signature that SA_SIGINFO asks for.
    unsafe {
        libc::fcntl(REQUESTS, libc::F_SETFD, libc::FD_CLOEXEC);
        let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK };
        libc::sigaltstack(&stack, ptr::null_mut());
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
        action.sa_sigaction = crashed as *const () as usize;
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT] {
            libc::sigaction(signal, &action, ptr::null_mut());
        }
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        action.sa_sigaction = asked as *const () as usize;
        libc::sigaction(WHERE_ARE_YOU, &action, ptr::null_mut());
        // Without SA_RESTART: what it interrupts returns EINTR.
        action.sa_flags = libc::SA_SIGINFO;
        action.sa_sigaction = interrupted_by as *const () as usize;
        libc::sigaction(INTERRUPTION, &action, ptr::null_mut());
    }
}

extern "C" fn interrupted_by(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

// A backtrace is not on the list of what a signal handler may do (signal-safety(7)). The program
// is lost at this point, and nobody waits for an answer for long.

extern "C" fn crashed(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    if PROCESS.load(SeqCst) == std::process::id() {
        // SAFETY: the kernel passes a valid pointer to a handler with SA_SIGINFO.
        let address = unsafe { (*info).si_addr() }.addr();
        let trace = Backtrace::force_capture().to_string();
        let told = PANICS.try_lock().map(|all| all.clone()).unwrap_or_default();
        send(kind::CRASH, &(format!("{address:#x}"), trace, told).to_bytes());
    }
    // SAFETY: the handler was reset when it was called, so this ends the process as it would have
    // ended without a handler.
    unsafe { libc::raise(signal) };
}

extern "C" fn asked(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    if PROCESS.load(SeqCst) == std::process::id() {
        // SAFETY: gettid(2) is always safe to call.
        let thread = unsafe { libc::gettid() };
        let trace = Backtrace::force_capture().to_string();
        let told = PANICS.try_lock().ok().and_then(|all| all.last().cloned());
        send(kind::HERE, &(thread, trace, told).to_bytes());
    }
}
