//! Things that a task has, each with a way to change it and a way to look at it. Every function is
//! a system call or two, so that a task may call it that has the memory of another.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use anyhow::Result;
use lab::child::explain;
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Something that can be 0, 1 or 2.
#[derive(Clone, Copy)]
pub struct Thing {
    pub name: &'static str,
    /// The system call that sets it.
    pub call: &'static str,
    pub set: fn(i32),
    /// The value that was set, or something else.
    pub get: fn() -> i32,
}

impl Thing {
    /// Sets it and looks; the errno, if it is not as it was set.
    pub fn change(&self, value: i32) -> i32 {
        Errno::clear();
        (self.set)(value);
        let errno = Errno::last_raw();
        if (self.get)() == value { 0 } else { errno }
    }
}

/// Sets every thing, or says which could not be set.
pub fn change_all(value: i32) -> Result<()> {
    THINGS.iter().try_for_each(|thing| checked(thing, thing.change(value)))
}

/// The error for a thing that could not be set.
pub fn checked(thing: &Thing, errno: i32) -> Result<()> {
    if errno == 0 { Ok(()) } else { Err(explain(thing.call)(Errno::from_raw(errno))) }
}

/// What clone(2) has flags for, and two things besides: limits and offset.
pub const THINGS: [Thing; 7] = [
    Thing {
        name: "memory",
        call: "store",
        set: |v| MEMORY.store(v, SeqCst),
        get: || MEMORY.load(SeqCst),
    },
    Thing { name: "descriptors", call: "dup3", set: set_descriptor, get: descriptor },
    Thing { name: "directory", call: "chdir", set: set_directory, get: directory },
    Thing { name: "umask", call: "umask", set: set_umask, get: umask },
    Thing { name: "signal actions", call: "sigaction", set: set_action, get: action },
    Thing { name: "limits", call: "setrlimit", set: set_limit, get: limit },
    Thing { name: "offset", call: "lseek", set: set_offset, get: offset },
];

static MEMORY: AtomicI32 = AtomicI32::new(0);
/// An open file, and a number at which it is opened again and closed.
pub static FILE: AtomicI32 = AtomicI32::new(-1);
static NUMBER: AtomicI32 = AtomicI32::new(-1);

/// Opens the file that the descriptors are about, and sets every thing to 0. The file is closed when
/// the value is dropped.
pub fn prepare() -> Result<[OwnedFd; 2]> {
    let file = memfd_create(c"thing", MFdFlags::empty()).map_err(explain("memfd_create"))?;
    let number = file.try_clone().map_err(lab::child::explain_io("dup"))?;
    FILE.store(file.as_raw_fd(), SeqCst);
    NUMBER.store(number.as_raw_fd(), SeqCst);
    change_all(0)?;
    Ok([file, number])
}

/// The number's entry in the descriptor table: open, open with close-on-exec, closed.
fn set_descriptor(value: i32) {
    let (file, number) = (FILE.load(SeqCst), NUMBER.load(SeqCst));
    // SAFETY: both numbers are this package's, and nobody relies on the second being open.
    unsafe {
        match value {
            0 => libc::dup2(file, number),
            1 => libc::dup3(file, number, libc::O_CLOEXEC),
            _ => libc::close(number),
        }
    };
}

fn descriptor() -> i32 {
    // SAFETY: the call takes integers.
    match unsafe { libc::fcntl(NUMBER.load(SeqCst), libc::F_GETFD) } {
        0 => 0,
        libc::FD_CLOEXEC => 1,
        _ => 2,
    }
}

const DIRECTORIES: [&std::ffi::CStr; 3] = [c"/", c"/dev", c"/usr"];

fn set_directory(value: i32) {
    // SAFETY: the string ends with a zero.
    unsafe { libc::chdir(DIRECTORIES[value as usize].as_ptr()) };
}

fn directory() -> i32 {
    let mut path = [0u8; 64];
    // SAFETY: the buffer is as long as is said.
    unsafe { libc::getcwd(path.as_mut_ptr().cast(), path.len()) };
    let found = std::ffi::CStr::from_bytes_until_nul(&path).ok();
    DIRECTORIES.iter().position(|name| Some(*name) == found).map_or(-1, |index| index as i32)
}

/// A mask from which the value can be read again.
fn set_umask(value: i32) {
    // SAFETY: the call takes an integer.
    unsafe { libc::umask(0o020 + value as u32) };
}

fn umask() -> i32 {
    // SAFETY: the calls take integers. The mask can only be read by setting it.
    let mask = unsafe { libc::umask(0o077) };
    // SAFETY: as above.
    unsafe { libc::umask(mask) };
    mask as i32 - 0o020
}

extern "C" fn do_nothing(_: i32) {}

fn set_action(value: i32) {
    let handlers = [libc::SIG_DFL, libc::SIG_IGN, do_nothing as extern "C" fn(i32) as usize];
    // SAFETY: an action of zeros is a valid one, and the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handlers[value as usize];
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut());
    }
}

fn action() -> i32 {
    // SAFETY: an action of zeros is a valid one; sigaction fills it.
    let found = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGUSR1, std::ptr::null(), &mut action);
        action.sa_sigaction
    };
    match found {
        libc::SIG_DFL => 0,
        libc::SIG_IGN => 1,
        _ => 2,
    }
}

/// A soft limit on CPU time so high that it is never reached, in seconds.
const CPU_SECONDS: u64 = 1 << 20;

fn set_limit(value: i32) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is valid for writes and for reads.
    unsafe {
        libc::getrlimit(libc::RLIMIT_CPU, &mut limit);
        limit.rlim_cur = CPU_SECONDS + value as u64;
        libc::setrlimit(libc::RLIMIT_CPU, &limit);
    }
}

fn limit() -> i32 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is valid for writes.
    unsafe { libc::getrlimit(libc::RLIMIT_CPU, &mut limit) };
    limit.rlim_cur.wrapping_sub(CPU_SECONDS) as i32
}

fn set_offset(value: i32) {
    // SAFETY: the call takes integers.
    unsafe { libc::lseek(FILE.load(SeqCst), i64::from(value), libc::SEEK_SET) };
}

fn offset() -> i32 {
    // SAFETY: the call takes integers.
    unsafe { libc::lseek(FILE.load(SeqCst), 0, libc::SEEK_CUR) as i32 }
}
