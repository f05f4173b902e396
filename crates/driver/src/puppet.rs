//! A puppet: a command that does what the check tells it, when it tells it. The submission starts it
//! and waits for it as for any other program, and cannot know how it will end.

use std::fs::File;
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};

use crate::wire::{Wire, frame, unframe};

/// The argument that makes this program a puppet.
pub(crate) const ARGUMENT: &str = "--puppet";

/// Kinds of frames from a puppet.
pub(crate) const HELLO: u8 = b'H';
pub(crate) const DID: u8 = b'd';
pub(crate) const GOT: u8 = b'g';

/// What a puppet is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// To end with this exit code.
    Exit(i32),
    /// To be ended by this signal, and to leave a core if that is possible.
    Die(i32, bool),
    /// To write to its standard output.
    Print(Vec<u8>),
    /// To read from its standard input until it ends.
    ReadAll,
    /// To close a descriptor.
    Close(i32),
    /// To tell of this signal instead of being ended by it.
    Handle(i32),
    /// To take no notice of this signal.
    Ignore(i32),
    /// To start a program, for which it does not wait.
    Start(Vec<String>),
    /// To go into this process group.
    JoinGroup(i32),
}

impl Wire for Order {
    fn put(&self, bytes: &mut Vec<u8>) {
        let mut put = |kind: u8, number: i32, content: &[u8]| {
            (kind, number, content.to_vec()).put(bytes);
        };
        match self {
            Order::Exit(code) => put(0, *code, &[]),
            Order::Die(signal, core) => put(1, *signal, &[u8::from(*core)]),
            Order::Print(content) => put(2, 0, content),
            Order::ReadAll => put(3, 0, &[]),
            Order::Close(fd) => put(4, *fd, &[]),
            Order::Handle(signal) => put(5, *signal, &[]),
            Order::Ignore(signal) => put(6, *signal, &[]),
            Order::Start(words) => put(7, 0, &words.to_bytes()),
            Order::JoinGroup(group) => put(8, *group, &[]),
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Order> {
        let (kind, number, content) = <(u8, i32, Vec<u8>)>::take(bytes)?;
        Some(match kind {
            0 => Order::Exit(number),
            1 => Order::Die(number, content == [1]),
            2 => Order::Print(content),
            3 => Order::ReadAll,
            4 => Order::Close(number),
            5 => Order::Handle(number),
            6 => Order::Ignore(number),
            7 => Order::Start(Wire::from_bytes(&content)?),
            8 => Order::JoinGroup(number),
            _ => return None,
        })
    }
}

/// Bit n - 1 says whether signal n was ignored, and whether it was blocked, when this program began.
static IGNORED: AtomicU64 = AtomicU64::new(0);
static BLOCKED: AtomicU64 = AtomicU64::new(0);
/// How the descriptors 0, 1 and 2 were open then, as fcntl(2) says it; -1 if one was closed.
static MODES: [AtomicI32; 3] = [const { AtomicI32::new(-1) }; 3];

/// Whether a timer runs that was set before this program was executed, which it outlives: alarm(2).
fn has_timer() -> bool {
    let timers = [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF];
    timers.into_iter().any(|which| {
        // SAFETY: the structure is filled, and lives during the call.
        let (asked, timer) = unsafe {
            let mut timer: libc::itimerval = std::mem::zeroed();
            (libc::getitimer(which, &mut timer), timer.it_value)
        };
        asked != 0 || (timer.tv_sec, timer.tv_usec) != (0, 0)
    })
}

/// Runs before Rust's runtime changes what is done at a signal, and opens descriptors that are closed.
extern "C" fn note_beginning() {
    // SAFETY: the structures live during the calls; asking changes nothing.
    unsafe {
        for (fd, mode) in (0..).zip(&MODES) {
            mode.store(libc::fcntl(fd, libc::F_GETFL), SeqCst);
        }
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, std::ptr::null(), &mut mask);
        for signal in 1..=64 {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &mut action);
            let bit = 1 << (signal - 1);
            if action.sa_sigaction == libc::SIG_IGN {
                IGNORED.fetch_or(bit, SeqCst);
            }
            if libc::sigismember(&mask, signal) == 1 {
                BLOCKED.fetch_or(bit, SeqCst);
            }
        }
    }
}

#[used]
// SAFETY: the section holds pointers to functions that the loader calls before main.
#[unsafe(link_section = ".init_array")]
static NOTE_BEGINNING: extern "C" fn() = note_beginning;

static STRINGS: AtomicI32 = AtomicI32::new(-1);

/// Plays: says its `name`, and does what it is told until it ends.
pub(crate) fn play(name: &str) -> ! {
    // Whoever started this may have had few descriptors.
    crate::shim::limit(libc::RLIMIT_NOFILE, None);
    let Ok(strings) = crate::stage::try_to_hand_over(crate::stage::who::PUPPET, name) else {
        // Its standard error is another one. It stays for a while, so that this can be seen.
        std::thread::sleep(crate::run::SEEN);
        end(125)
    };
    STRINGS.store(strings, SeqCst);
    if IGNORED.load(SeqCst) & (1 << (libc::SIGPIPE - 1)) == 0 {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    }
    let signals = (IGNORED.load(SeqCst), BLOCKED.load(SeqCst));
    let modes: Vec<i32> = MODES.iter().map(|mode| mode.load(SeqCst)).collect();
    say(HELLO, &(signals, (has_timer(), strings), modes).to_bytes());
    let mut come = Vec::new();
    loop {
        let Some(order) = next(strings, &mut come) else { end(0) };
        let result = obey(order);
        say(DID, &result.to_bytes());
    }
}

fn obey(order: Order) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("{:?}", error.kind());
    // SAFETY: what is called takes integers, and pointers that live during the call.
    unsafe {
        match order {
            Order::Exit(code) => end(code),
            Order::Die(signal, core) => {
                let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                libc::getrlimit(libc::RLIMIT_CORE, &mut limits);
                limits.rlim_cur = if core { limits.rlim_max } else { 0 };
                libc::setrlimit(libc::RLIMIT_CORE, &limits);
                let _ = std::env::set_current_dir(std::env::temp_dir());
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
            }
            Order::Print(content) => {
                standard(1).write_all(&content).map_err(told)?;
            }
            Order::ReadAll => {
                let mut content = Vec::new();
                standard(0).read_to_end(&mut content).map_err(told)?;
                return Ok(content);
            }
            Order::Close(fd) => {
                libc::close(fd);
            }
            Order::Handle(signal) => {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_flags = libc::SA_RESTART;
                action.sa_sigaction = got as *const () as usize;
                libc::sigaction(signal, &action, std::ptr::null_mut());
            }
            Order::Ignore(signal) => {
                libc::signal(signal, libc::SIG_IGN);
            }
            Order::Start(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                let started = command.spawn().map_err(told)?;
                return Ok((started.id() as i32).to_bytes());
            }
            Order::JoinGroup(group) => {
                libc::setpgid(0, group);
            }
        }
    }
    Ok(Vec::new())
}

/// A descriptor of this program's, as it is: for std, one that cannot be read from is empty, and one that
/// cannot be written to takes all.
fn standard(fd: i32) -> ManuallyDrop<File> {
    // SAFETY: it is not closed here, and nobody else closes it meanwhile.
    ManuallyDrop::new(unsafe { File::from_raw_fd(fd) })
}

extern "C" fn got(signal: i32) {
    say(GOT, &signal.to_le_bytes());
}

fn say(kind: u8, body: &[u8]) {
    let bytes = frame(kind, body);
    let strings = STRINGS.load(SeqCst);
    let mut left = &bytes[..];
    while !left.is_empty() {
        // SAFETY: the buffer lives during the call.
        let sent =
            unsafe { libc::send(strings, left.as_ptr().cast(), left.len(), libc::MSG_NOSIGNAL) };
        match sent {
            0.. => left = &left[sent as usize..],
            _ => end(0),
        }
    }
}

fn next(strings: i32, come: &mut Vec<u8>) -> Option<Order> {
    loop {
        if let Some((_, body)) = unframe(come).ok()? {
            return Order::from_bytes(&body);
        }
        let mut buffer = [0_u8; 16 * 1024];
        // SAFETY: the buffer is writable and as long as said.
        let length = unsafe { libc::recv(strings, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        match length {
            1.. => come.extend(&buffer[..length as usize]),
            _ if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
                && length < 0 => {}
            _ => return None,
        }
    }
}

fn end(code: i32) -> ! {
    // SAFETY: _exit(2) is always safe to call.
    unsafe { libc::_exit(code) }
}
