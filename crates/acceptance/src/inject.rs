//! Injected failures: a program whose system calls pass through this process, which lets all but
//! one of them go on. Done with seccomp's user notification, seccomp_unotify(2): no tool and no
//! privilege is needed, and children and executed programs are included.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread::JoinHandle;

use nix::errno::Errno;

/// A kind of system call that may fail.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its name in the manual.
    pub name: &'static str,
    /// Its number.
    pub number: i64,
    /// What an error message may call it; one of them suffices.
    pub said_as: &'static [&'static str],
    /// With what it may fail.
    pub errnos: &'static [Errno],
}

const fn call(
    name: &'static str,
    number: i64,
    said_as: &'static [&'static str],
    errnos: &'static [Errno],
) -> Call {
    Call { name, number, said_as, errnos }
}

use Errno::*;

const TASK: &[&str] = &["fork", "clone", "thread", "spawn", "process", "start"];
const FILE: &[&str] = &["open", "/proc", "/dev", "/sys", "file", "meminfo", "smaps"];

/// The kinds of calls that are made to fail. Reading, writing and waiting in a futex are left out:
/// they are made so often that to watch them changes what is measured.
pub const CALLS: &[Call] = &[
    call("clone", libc::SYS_clone, TASK, &[EAGAIN, ENOMEM, EPERM]),
    call("clone3", libc::SYS_clone3, TASK, &[EAGAIN, ENOSYS, EPERM]),
    #[cfg(target_arch = "x86_64")]
    call("vfork", libc::SYS_vfork, TASK, &[EAGAIN, ENOMEM]),
    call(
        "execve",
        libc::SYS_execve,
        &["exec", "spawn", "fork", "program", "start"],
        &[EACCES, ENOMEM],
    ),
    call("wait4", libc::SYS_wait4, &["wait", "left 1 process"], &[EINTR, ECHILD, EIO]),
    call("waitid", libc::SYS_waitid, &["wait"], &[EINTR, ECHILD]),
    call("pipe2", libc::SYS_pipe2, &["pipe", "fork", "spawn", "start"], &[EMFILE, ENFILE, EIO]),
    call(
        "socketpair",
        libc::SYS_socketpair,
        &["socket", "fork", "spawn", "start"],
        &[EMFILE, EPERM, EIO],
    ),
    call("memfd_create", libc::SYS_memfd_create, &["memfd_create"], &[EMFILE, ENOSYS, EIO]),
    call("openat", libc::SYS_openat, FILE, &[EMFILE, EACCES, EIO]),
    call("mmap", libc::SYS_mmap, &["mmap", "memory", "thread", "mapping"], &[ENOMEM, EPERM]),
    call("mprotect", libc::SYS_mprotect, &["mprotect", "memory", "thread"], &[ENOMEM]),
    call("ftruncate", libc::SYS_ftruncate, &["ftruncate"], &[ENOSPC, EIO]),
    call("fcntl", libc::SYS_fcntl, &["fcntl", "F_", "dup"], &[EMFILE, EPERM]),
    call("dup3", libc::SYS_dup3, &["dup"], &[EMFILE, EBUSY]),
    call("prctl", libc::SYS_prctl, &["prctl"], &[EPERM, EINVAL]),
    call(
        "sched_setaffinity",
        libc::SYS_sched_setaffinity,
        &["sched_setaffinity"],
        &[EPERM, EINVAL],
    ),
    call(
        "sched_getaffinity",
        libc::SYS_sched_getaffinity,
        &["sched_getaffinity"],
        &[EPERM, EINVAL],
    ),
    call(
        "sched_setscheduler",
        libc::SYS_sched_setscheduler,
        &["sched_setscheduler", "priorit"],
        &[EPERM],
    ),
    call("prlimit64", libc::SYS_prlimit64, &["rlimit", "limit"], &[EPERM, EINVAL]),
    call("pidfd_open", libc::SYS_pidfd_open, &["pidfd_open"], &[ENOSYS, EMFILE, EPERM]),
    // Not ESRCH: the kernel says it of processes that are gone, and those that are killed here are there.
    call("kill", libc::SYS_kill, &["kill", "signal"], &[EPERM]),
    call("tgkill", libc::SYS_tgkill, &["kill", "raise", "signal"], &[EPERM]),
    call("mq_open", libc::SYS_mq_open, &["mq_open"], &[EMFILE, ENOSYS, EACCES]),
    call("mq_unlink", libc::SYS_mq_unlink, &["mq_unlink"], &[EACCES]),
    call("ptrace", libc::SYS_ptrace, &["ptrace", "trac"], &[EPERM]),
    call("process_vm_readv", libc::SYS_process_vm_readv, &["process_vm_readv"], &[EPERM, ENOSYS]),
    call("eventfd2", libc::SYS_eventfd2, &["eventfd"], &[EMFILE, EIO]),
    call("seccomp", libc::SYS_seccomp, &["seccomp"], &[EPERM, EINVAL]),
    call("setpgid", libc::SYS_setpgid, &["setpgid"], &[EPERM]),
    call("madvise", libc::SYS_madvise, &["madvise"], &[EINVAL]),
    call("membarrier", libc::SYS_membarrier, &["membarrier"], &[EPERM]),
    call("sigaltstack", libc::SYS_sigaltstack, &["sigaltstack"], &[EPERM]),
    call("getrusage", libc::SYS_getrusage, &["getrusage"], &[EINVAL]),
    call("flock", libc::SYS_flock, &["lock"], &[ENOLCK, EINTR]),
    call("getrandom", libc::SYS_getrandom, &["getrandom", "random"], &[ENOSYS]),
];

/// The first call that Rust's runtime makes once the loader is done: it looks at descriptors 0 to 2.
#[cfg(target_arch = "x86_64")]
const RUNTIME_BEGINS: i64 = libc::SYS_poll;
#[cfg(not(target_arch = "x86_64"))]
const RUNTIME_BEGINS: i64 = libc::SYS_ppoll;

/// Which occurrence of a call fails, counted over all processes of the program, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Injection {
    /// The kind of call.
    pub call: &'static Call,
    /// From 1; what the loader calls does not count.
    pub occurrence: u32,
    /// What it fails with.
    pub errno: Errno,
}

/// What was seen of a program's calls.
#[derive(Debug, Default)]
pub struct Seen {
    /// How often each kind was called by Rust programs after their loader.
    pub counts: BTreeMap<&'static str, u32>,
    /// Whether the failure was injected.
    pub injected: bool,
}

/// The thread that answers for a program's calls; it ends with the program's last process.
pub struct Watcher(JoinHandle<Seen>);

impl Watcher {
    /// What was seen, once all processes of the program have ended.
    ///
    /// # Panics
    ///
    /// If the watching thread did.
    pub fn seen(self) -> Seen {
        self.0.join().expect("the watcher does not panic")
    }
}

/// Makes the program's calls pass through a thread of this process, which counts them, and makes one
/// fail. The thread waits for the program that the command starts; a command that is dropped without
/// having started one frees it.
///
/// # Errors
///
/// If there can be no pair of sockets.
pub fn watch(command: &mut Command, injection: Option<Injection>) -> io::Result<Watcher> {
    let (here, there) = UnixStream::pair()?;
    let numbers: Vec<i64> = match injection {
        Some(injection) => vec![injection.call.number],
        None => CALLS.iter().map(|call| call.number).collect(),
    };
    let filter = filter(&numbers, there.as_raw_fd());
    // SAFETY: the closure makes system calls only and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            let listener = install(&filter)?;
            send(there.as_raw_fd(), listener)?;
            libc::close(listener);
            Ok(())
        });
    }
    Ok(Watcher(std::thread::spawn(move || {
        let listener = receive(here.as_raw_fd());
        listener.map_or_else(|_| Seen::default(), |listener| answer(&listener, injection))
    })))
}

/// Notifies of these calls, of execve and of the runtime's beginning; lets everything else pass, and
/// sendmsg on the socket by which the listener is handed over.
fn filter(numbers: &[i64], socket: RawFd) -> Vec<libc::sock_filter> {
    let jump = |value: u32, yes: u8, no: u8| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: yes,
        jf: no,
        k: value,
    };
    let load = |offset: u32| libc::sock_filter {
        code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: offset,
    };
    let answer = |what: u32| libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: what,
    };
    // The number is the first word of seccomp_data, the first argument's low half is at 16.
    let mut program = vec![load(0)];
    program.extend([jump(libc::SYS_sendmsg as u32, 0, 4), load(16), jump(socket as u32, 0, 1)]);
    program.extend([answer(libc::SECCOMP_RET_ALLOW), load(0)]);
    for number in numbers.iter().chain(&[libc::SYS_execve, RUNTIME_BEGINS]) {
        program.extend([jump(*number as u32, 0, 1), answer(libc::SECCOMP_RET_USER_NOTIF)]);
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program
}

/// Applies the filter to this process and returns the listener. Safe after fork(2).
fn install(filter: &[libc::sock_filter]) -> io::Result<RawFd> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the calls take integers, and a pointer to a program that lives until they return.
    let listener = unsafe {
        Errno::result(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
        libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program)
    };
    Ok(Errno::result(listener)? as RawFd)
}

/// A message of one byte that carries a descriptor, cmsg(3).
union Control {
    bytes: [u8; 64],
    _align: libc::cmsghdr,
}

fn with_message<R>(descriptor: RawFd, use_it: impl FnOnce(&mut libc::msghdr) -> R) -> R {
    let (mut byte, mut control) = ([0u8], Control { bytes: [0; 64] });
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: all zeros are a valid msghdr; the pointers are to locals that outlive the use, and the
    // control buffer is aligned and large enough for one descriptor.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&mut part, 1);
        message.msg_control = control.bytes.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(descriptor);
        use_it(&mut message)
    }
}

fn send(socket: RawFd, descriptor: RawFd) -> io::Result<()> {
    // SAFETY: the message is valid for the duration of the call.
    let sent = with_message(descriptor, |message| unsafe { libc::sendmsg(socket, message, 0) });
    Ok(Errno::result(sent).map(drop)?)
}

fn receive(socket: RawFd) -> io::Result<OwnedFd> {
    with_message(-1, |message| {
        // SAFETY: the message is valid for the duration of the call, and so is what it points to.
        let descriptor = unsafe {
            if libc::recvmsg(socket, message, libc::MSG_CMSG_CLOEXEC) < 1 {
                return Err(io::Error::last_os_error());
            }
            libc::CMSG_DATA(libc::CMSG_FIRSTHDR(message)).cast::<RawFd>().read_unaligned()
        };
        if descriptor < 0 {
            return Err(io::Error::other("no descriptor came"));
        }
        // SAFETY: the kernel has just installed this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    })
}

/// Answers every notification until the last process of the program has ended.
fn answer(listener: &OwnedFd, injection: Option<Injection>) -> Seen {
    let (mut seen, mut loading) = (Seen::default(), BTreeSet::new());
    let mut ready = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    loop {
        // SAFETY: the pointer is to one pollfd.
        if unsafe { libc::poll(&mut ready, 1, -1) } < 1 {
            continue;
        }
        if ready.revents & libc::POLLIN == 0 {
            return seen;
        }
        // SAFETY: all zeros are valid, as the kernel demands, and valid for its writes.
        let asked = unsafe {
            let mut asked: libc::seccomp_notif = std::mem::zeroed();
            let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
            if libc::ioctl(listener.as_raw_fd(), request, &mut asked) != 0 {
                continue;
            }
            asked
        };
        let number = i64::from(asked.data.nr);
        let mut fails = 0;
        if let Some(call) = CALLS
            .iter()
            .find(|call| call.number == number)
            .filter(|_| !loading.contains(&asked.pid))
        {
            let count = seen.counts.entry(call.name).or_default();
            *count += 1;
            let it = |i: &Injection| i.call.number == number && i.occurrence == *count;
            if let Some(injection) = injection.filter(it) {
                (fails, seen.injected) = (-(injection.errno as i32), true);
            }
        }
        // What a loader calls is not the program's: it begins with execve, in its only thread.
        if number == libc::SYS_execve && fails == 0 {
            loading.insert(asked.pid);
        } else if number == RUNTIME_BEGINS {
            loading.remove(&asked.pid);
        }
        let mut answer = libc::seccomp_notif_resp {
            id: asked.id,
            val: 0,
            error: fails,
            flags: if fails == 0 { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 } else { 0 },
        };
        // SAFETY: the pointer is to a valid answer; a process that is gone meanwhile is no harm.
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &mut answer) };
    }
}
