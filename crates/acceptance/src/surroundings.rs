//! Surroundings in which a program may find itself: what it inherits, what is refused, what is
//! closed. Each is made in the program's own process before it is executed, by system calls alone.

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};

/// One way in which a program's start is unusual.
pub struct Surroundings {
    /// What is unusual.
    pub name: &'static str,
    /// Whether it only binds a user who is not root.
    pub as_nobody: bool,
    /// Makes it, in the program's process; system calls only.
    make: Make,
}

enum Make {
    Nothing,
    Call(fn() -> io::Result<()>),
    Limit(Resource, u64),
    Filter(&'static [i64], Errno),
    Container,
    Variable(&'static str, &'static str),
}

const fn of(name: &'static str, make: Make) -> Surroundings {
    Surroundings { name, as_nobody: false, make }
}

const fn of_nobody(name: &'static str, make: Make) -> Surroundings {
    Surroundings { name, as_nobody: true, make }
}

/// Calls that a container's filter refuses with EPERM.
const CONTAINER: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_seccomp,
    libc::SYS_close_range,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_bpf,
    libc::SYS_mount,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_sched_setscheduler,
    libc::SYS_kcmp,
];

/// Calls that an old kernel does not have.
const NEW: &[i64] = &[
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_faccessat2,
    libc::SYS_memfd_secret,
    libc::SYS_openat2,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_process_madvise,
];

/// All of them.
pub const ALL: &[Surroundings] = &[
    of("standard input closed", Make::Call(|| close(0))),
    of("standard error closed", Make::Call(|| close(2))),
    of("all signals ignored", Make::Call(ignore_all)),
    of("SIGCHLD ignored", Make::Call(|| ignore(libc::SIGCHLD))),
    of("all signals blocked", Make::Call(block_all)),
    of("a container's filter", Make::Filter(CONTAINER, Errno::EPERM)),
    of("root without capabilities", Make::Call(without_capabilities)),
    of("a container's filter, without capabilities", Make::Container),
    of("an old kernel", Make::Filter(NEW, Errno::ENOSYS)),
    of(
        "no io_uring, ptrace or memfd",
        Make::Filter(&[libc::SYS_ptrace, libc::SYS_memfd_create], Errno::ENOSYS),
    ),
    of("no CPU may be chosen", Make::Filter(&[libc::SYS_sched_setaffinity], Errno::EPERM)),
    of("allowed CPUs unknown", Make::Filter(&[libc::SYS_sched_getaffinity], Errno::EPERM)),
    of("no socketpair", Make::Filter(&[libc::SYS_socketpair], Errno::EPERM)),
    of("no message queues", Make::Filter(&[libc::SYS_mq_open], Errno::ENOSYS)),
    of("6 open files", Make::Limit(Resource::RLIMIT_NOFILE, 6)),
    of("20 open files", Make::Limit(Resource::RLIMIT_NOFILE, 20)),
    of("64 MiB of address space", Make::Limit(Resource::RLIMIT_AS, 64 << 20)),
    of("16 MiB of data", Make::Limit(Resource::RLIMIT_DATA, 16 << 20)),
    of("files of 4 KiB", Make::Limit(Resource::RLIMIT_FSIZE, 4096)),
    of("no queued signals", Make::Limit(Resource::RLIMIT_SIGPENDING, 0)),
    of("no message queues' memory", Make::Limit(Resource::RLIMIT_MSGQUEUE, 0)),
    of("no locked memory", Make::Limit(Resource::RLIMIT_MEMLOCK, 0)),
    of("stacks of 256 MiB", Make::Variable("RUST_MIN_STACK", "268435456")),
    of("stacks of 1 TiB", Make::Variable("RUST_MIN_STACK", "1099511627776")),
    of("a moved program", Make::Nothing),
    of("no directory for temporary files", Make::Variable("TMPDIR", "/nonexistent")),
    of("temporary files in a file", Make::Variable("TMPDIR", "/proc/version")),
    of("no /proc", Make::Call(no_proc)),
    of("/proc of processes alone", Make::Call(|| proc_with(c"subset=pid"))),
    of("a /proc that hides others", Make::Call(|| proc_with(c"hidepid=2"))),
    of_nobody("1 process", Make::Limit(Resource::RLIMIT_NPROC, 1)),
    of_nobody("12 processes", Make::Limit(Resource::RLIMIT_NPROC, 12)),
    of_nobody("not dumpable, as a program that cannot be read", Make::Nothing),
];

impl Surroundings {
    /// Lets the command begin there.
    pub fn apply(&self, command: &mut Command) {
        match self.make {
            Make::Nothing => {}
            Make::Variable(name, value) => drop(command.env(name, value)),
            // SAFETY: the function makes system calls only.
            Make::Call(make) => unsafe {
                command.pre_exec(make);
            },
            // SAFETY: the closure makes one system call.
            Make::Limit(resource, value) => unsafe {
                command.pre_exec(move || Ok(setrlimit(resource, value, value)?));
            },
            Make::Filter(calls, errno) => refuse(command, calls, errno),
            Make::Container => {
                // SAFETY: the function makes system calls only.
                unsafe { command.pre_exec(without_capabilities) };
                refuse(command, CONTAINER, Errno::EPERM);
            }
        }
    }

    /// Whether the copy that runs may not be read by its user, so that its processes are not
    /// dumpable and what /proc says of them is closed.
    pub fn is_unreadable(&self) -> bool {
        self.name.starts_with("not dumpable")
    }

    /// Whether it takes memory away: then a library may end the process before that can say why.
    pub fn lacks_memory(&self) -> bool {
        matches!(
            self.make,
            Make::Limit(Resource::RLIMIT_AS | Resource::RLIMIT_DATA, _)
                | Make::Variable("RUST_MIN_STACK", _)
        )
    }
}

/// Lets the command begin under a seccomp filter by which these calls fail.
pub fn refuse(command: &mut Command, calls: &[i64], errno: Errno) {
    let statement = |code: u32, yes: u8, no: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt: yes,
        jf: no,
        k,
    };
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    let fails = libc::SECCOMP_RET_ERRNO | errno as u32;
    for call in calls {
        filter.push(statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, *call as u32));
        filter.push(statement(libc::BPF_RET | libc::BPF_K, 0, 0, fails));
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    // SAFETY: the closure makes system calls only, with a pointer to a filter that it owns.
    unsafe {
        command.pre_exec(move || {
            Errno::result(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            let program =
                libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
            let mode = libc::SECCOMP_MODE_FILTER;
            Errno::result(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program, 0, 0))?;
            Ok(())
        });
    }
}

/// Lets what cannot be removed, because that very call was made to fail, go with the program: queues,
/// semaphores and shared memory of System V. Not everybody may do this: then they stay.
pub fn with_queues_of_its_own(command: &mut Command) {
    // SAFETY: the closure makes one system call.
    unsafe {
        command.pre_exec(|| {
            libc::unshare(libc::CLONE_NEWIPC);
            Ok(())
        });
    }
}

/// Leaves the program a child that it has not made, as a shell's `sleep 300 & exec program` does. The
/// child sleeps until it is killed.
pub fn with_a_child_of_the_shell(command: &mut Command, tell: std::os::fd::RawFd) {
    // SAFETY: the closure makes system calls only, in the child as well.
    unsafe {
        command.pre_exec(move || {
            match Errno::result(libc::fork())? {
                0 => {
                    // Nobody may wait for what this process has inherited.
                    libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
                    loop {
                        libc::pause();
                    }
                }
                child => {
                    libc::write(tell, (&raw const child).cast(), size_of_val(&child));
                }
            }
            Ok(())
        });
    }
}

/// Lets the command begin in a directory that is gone.
pub fn in_a_deleted_directory(command: &mut Command, directory: &std::path::Path) {
    use std::os::unix::ffi::OsStrExt;
    let path = CString::new(directory.as_os_str().as_bytes()).expect("a path has no NUL");
    command.current_dir(directory);
    // SAFETY: the closure makes one system call with a pointer to a string that it owns.
    unsafe {
        command.pre_exec(move || {
            libc::rmdir(path.as_ptr());
            Ok(())
        });
    }
}

fn close(descriptor: i32) -> io::Result<()> {
    // SAFETY: the program that is executed next is meant to lack it.
    unsafe { libc::close(descriptor) };
    Ok(())
}

fn ignore(signal: i32) -> io::Result<()> {
    // SAFETY: to ignore a signal runs no code.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
    Ok(())
}

fn ignore_all() -> io::Result<()> {
    (1..=libc::SIGRTMAX()).try_for_each(ignore)
}

fn block_all() -> io::Result<()> {
    use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?)
}

/// What root executes has the capabilities of the bounding set, of which none is left then;
/// capabilities(7). Who is not root has none anyhow.
fn without_capabilities() -> io::Result<()> {
    for capability in 0..64 {
        // SAFETY: the call takes a number; of those that the kernel does not know it says so.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    Ok(())
}

/// A mount namespace of one's own, without /proc. Where that is not allowed there is nothing to see.
fn no_proc() -> io::Result<()> {
    mount(c"tmpfs", None)
}

fn proc_with(options: &std::ffi::CStr) -> io::Result<()> {
    mount(c"proc", Some(options))
}

/// Not everybody may do this: then the program starts as usual.
fn mount(kind: &std::ffi::CStr, options: Option<&std::ffi::CStr>) -> io::Result<()> {
    // SAFETY: the strings end in NUL and live until the calls return.
    unsafe {
        if libc::unshare(libc::CLONE_NEWNS) != 0 {
            return Ok(());
        }
        let root = c"/".as_ptr();
        let private = libc::MS_REC | libc::MS_PRIVATE;
        libc::mount(std::ptr::null(), root, std::ptr::null(), private, std::ptr::null());
        let data = options.map_or(std::ptr::null(), |options| options.as_ptr().cast());
        libc::mount(kind.as_ptr(), c"/proc".as_ptr(), kind.as_ptr(), 0, data);
    }
    Ok(())
}
