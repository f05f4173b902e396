//! What this machine does not allow or does not have, told apart from what went wrong.
//!
//! One rule for all programs: a missing right, a limit that is reached, a closed /proc, a system
//! call that is refused or missing, a machine that is too busy make a claim *inconclusive here*,
//! with the reason. A call that fails otherwise makes it *failed*. Only a fact refutes it.

use std::fmt;

use nix::errno::Errno;
use nix::sys::resource::Resource;

use crate::bounds::{self, Cgroup, bytes, capable, limit, status_line};

/// Something that this machine cannot show, and why. An error whose chain contains it makes the
/// experiment's claims inconclusive.
///
/// ```
/// # fn rights() -> bool { true }
/// # fn run() -> anyhow::Result<()> {
/// anyhow::ensure!(rights(), lab::Unavailable::because("real-time priority needs CAP_SYS_NICE"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Unavailable(String);

impl Unavailable {
    /// With a reason that names call or file, cause and cure.
    pub fn because(why: impl Into<String>) -> Unavailable {
        Unavailable(why.into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Why an experiment ended without evidence.
#[derive(Clone, Debug, PartialEq)]
pub enum NoEvidence {
    /// This machine cannot show it; its claims are inconclusive here.
    Unavailable(String),
    /// Something went wrong; its claims have failed.
    Failed(String),
}

impl NoEvidence {
    /// Which of the two an experiment's error is. What a call says with an errno of the first
    /// kind, and nobody has explained, is explained here.
    pub fn of(error: &anyhow::Error) -> NoEvidence {
        // A path or a variable may contain what a terminal would obey.
        let whole = messages::one_line(&format!("{error:#}"));
        if error.chain().any(|cause| cause.is::<Unavailable>()) {
            return NoEvidence::Unavailable(whole);
        }
        let said: Vec<String> = error.chain().map(ToString::to_string).collect();
        let calls = said[..said.len() - 1].join(": ");
        let call = said.iter().rev().nth(1).map_or("", String::as_str);
        match error.chain().find_map(errno_of) {
            Some(errno) => match reason(call, errno) {
                Some(why) => NoEvidence::Unavailable(messages::one_line(&format!(
                    "{calls}: {errno:?}: {why}"
                ))),
                None => NoEvidence::Failed(whole),
            },
            None => NoEvidence::Failed(whole),
        }
    }

    /// The reason.
    pub fn why(&self) -> &str {
        match self {
            NoEvidence::Unavailable(why) | NoEvidence::Failed(why) => why,
        }
    }
}

impl fmt::Display for NoEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

fn errno_of(cause: &(dyn std::error::Error + 'static)) -> Option<Errno> {
    if let Some(errno) = cause.downcast_ref::<Errno>() {
        return Some(*errno);
    }
    cause.downcast_ref::<std::io::Error>()?.raw_os_error().map(Errno::from_raw)
}

/// Says what an errno of `call` means and what to do about it. Where it means that this machine
/// does not allow or have something, the error is [`Unavailable`].
pub fn explain(call: &'static str) -> impl Fn(Errno) -> anyhow::Error {
    move |errno| match reason(call, errno) {
        Some(why) => Unavailable(format!("{call}: {errno:?}: {why}")).into(),
        None => anyhow::anyhow!("{call}: {errno:?}: {}", errno.desc()),
    }
}

/// The same for an error of the standard library.
pub fn explain_io(call: &'static str) -> impl Fn(std::io::Error) -> anyhow::Error {
    move |error| match error.raw_os_error() {
        Some(errno) => explain(call)(Errno::from_raw(errno)),
        None => anyhow::Error::new(error).context(call),
    }
}

/// The same for a program that is started by [`std::process::Command`], which tells in one errno what
/// fork(2) refused and what the child could not do before it became the program, `call`.
pub fn explain_spawn(call: &'static str) -> impl Fn(std::io::Error) -> anyhow::Error {
    move |error| match error.raw_os_error() {
        Some(libc::EAGAIN | libc::ENOMEM) => explain_io("fork")(error),
        _ => explain_io(call)(error),
    }
}

/// The same for a thread whose stack was to have so many bytes.
pub fn explain_thread(stack: usize) -> impl Fn(std::io::Error) -> anyhow::Error {
    move |error| match error.raw_os_error() {
        Some(libc::EAGAIN) => {
            let asked = Tasks { stack: stack as u64, stack_is_set: false, ..Tasks::look("thread") };
            Unavailable(format!("thread: EAGAIN: {}", asked.why())).into()
        }
        _ => explain_io("thread")(error),
    }
}

/// Calls that make a process or a thread.
const MAKE_A_TASK: [&str; 7] =
    ["fork", "vfork", "clone", "clone3", "posix_spawn", "thread", "pthread_create"];

/// Calls that queue a signal, of which a user may have so many, RLIMIT_SIGPENDING in getrlimit(2).
const QUEUE_A_SIGNAL: [&str; 3] = ["sigqueue", "pthread_cancel", "timer_create"];

/// The Linux in which a call came, from its manual page.
const SINCE: &[(&str, u32, u32)] = &[
    ("cachestat", 6, 5),
    ("clone3", 5, 3),
    ("close_range", 5, 9),
    ("copy_file_range", 4, 5),
    ("epoll_pwait2", 5, 11),
    ("faccessat2", 5, 8),
    ("fchmodat2", 6, 6),
    ("futex_requeue", 6, 7),
    ("futex_wait", 6, 7),
    ("futex_waitv", 5, 16),
    ("futex_wake", 6, 7),
    ("getrandom", 3, 17),
    ("io_uring_enter", 5, 1),
    ("io_uring_register", 5, 1),
    ("io_uring_setup", 5, 1),
    ("landlock_create_ruleset", 5, 13),
    ("landlock_restrict_self", 5, 13),
    ("map_shadow_stack", 6, 6),
    ("membarrier", 4, 3),
    ("memfd_create", 3, 17),
    ("memfd_secret", 5, 14),
    ("mlock2", 4, 4),
    ("openat2", 5, 6),
    ("pidfd_getfd", 5, 6),
    ("pidfd_open", 5, 3),
    ("pidfd_send_signal", 5, 1),
    ("preadv2", 4, 6),
    ("process_madvise", 5, 10),
    ("process_mrelease", 5, 15),
    ("process_vm_readv", 3, 2),
    ("process_vm_writev", 3, 2),
    ("rseq", 4, 18),
    ("sched_getattr", 3, 14),
    ("sched_setattr", 3, 14),
    ("seccomp", 3, 17),
    ("statx", 4, 11),
    ("userfaultfd", 4, 3),
];

/// The capability without which the kernel answers EPERM, and its number; capabilities(7).
const NEEDS: &[(&str, &str, u32)] = &[
    ("bpf", "CAP_BPF", 39),
    ("chroot", "CAP_SYS_CHROOT", 18),
    ("mlock", "CAP_IPC_LOCK", 14),
    ("mlockall", "CAP_IPC_LOCK", 14),
    ("mount", "CAP_SYS_ADMIN", 21),
    ("pivot_root", "CAP_SYS_ADMIN", 21),
    ("process_vm_readv", "CAP_SYS_PTRACE", 19),
    ("process_vm_writev", "CAP_SYS_PTRACE", 19),
    ("ptrace", "CAP_SYS_PTRACE", 19),
    ("sched_setattr", "CAP_SYS_NICE", 23),
    ("sched_setscheduler", "CAP_SYS_NICE", 23),
    ("setgid", "CAP_SETGID", 6),
    ("setgroups", "CAP_SETGID", 6),
    ("sethostname", "CAP_SYS_ADMIN", 21),
    ("setns", "CAP_SYS_ADMIN", 21),
    ("setpriority", "CAP_SYS_NICE", 23),
    ("setresgid", "CAP_SETGID", 6),
    ("setresuid", "CAP_SETUID", 7),
    ("setrlimit", "CAP_SYS_RESOURCE", 24),
    ("setuid", "CAP_SETUID", 7),
    ("umount", "CAP_SYS_ADMIN", 21),
    ("unshare", "CAP_SYS_ADMIN", 21),
];

/// Cause and cure, where the errno says that this machine does not allow or have something; `None`
/// where something else went wrong.
fn reason(call: &str, errno: Errno) -> Option<String> {
    // `fcntl(F_ADD_SEALS)` and `fcntl F_ADD_SEALS` are about `fcntl`.
    let name = call.split(['(', ' ']).next().unwrap_or(call);
    Some(match errno {
        Errno::EAGAIN if MAKE_A_TASK.contains(&name) => Tasks::look(name).why(),
        Errno::EAGAIN if QUEUE_A_SIGNAL.contains(&name.trim_end_matches(':')) => {
            let limit = limit(Resource::RLIMIT_SIGPENDING);
            let limit = limit.map_or("unlimited".into(), |limit| limit.to_string());
            format!("the limit on signals queued for this user is {limit} (ulimit -i)")
        }
        Errno::EMFILE if name == "mq_open" => {
            let limit = limit(Resource::RLIMIT_MSGQUEUE).map_or("unlimited".into(), bytes);
            format!(
                "the limit on message queues, {limit} (ulimit -q), or on open files (ulimit -n)"
            )
        }
        Errno::EMFILE if name.starts_with("inotify_init") => {
            "this user has as many as it may have (fs.inotify.max_user_instances)".into()
        }
        Errno::EMFILE => {
            let limit = limit(Resource::RLIMIT_NOFILE).unwrap_or_default();
            format!("this process has the {limit} open files that it may have (ulimit -n)")
        }
        Errno::ENFILE => {
            "the whole system has as many open files as it may have (fs.file-max)".into()
        }
        Errno::ENOMEM | Errno::EAGAIN | Errno::EPERM if name.starts_with("mlock") => {
            let limit = limit(Resource::RLIMIT_MEMLOCK).map_or("unlimited".into(), bytes);
            format!("the limit on locked memory is {limit} (ulimit -l); CAP_IPC_LOCK lifts it")
        }
        Errno::ENOMEM => Memory::look().why(),
        Errno::EFBIG => "files may not grow so large (ulimit -f)".into(),
        Errno::EPERM | Errno::EACCES if name == "perf_event_open" => {
            let setting = bounds::here("/proc/sys/kernel/perf_event_paranoid");
            not_counted(setting.as_deref().map(str::trim), bounds::filtered())
        }
        Errno::EPERM | Errno::EACCES => {
            let status = bounds::here("/proc/self/status").unwrap_or_default();
            refusal(name, &status, bounds::filtered())
        }
        Errno::ENOSYS => {
            let kernel = bounds::here("/proc/sys/kernel/osrelease").unwrap_or_default();
            absence(name, kernel.trim(), bounds::filtered())
        }
        Errno::ENOSPC | Errno::EDQUOT => "there is no room left on that file system".into(),
        Errno::EROFS => "that file system is read-only".into(),
        Errno::ENOENT if call.contains("/proc") => "/proc does not show it here (is it mounted, \
                                                    with hidepid or subset=pid?)"
            .into(),
        Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP => {
            "this kernel was built or set up without it".into()
        }
        _ => return None,
    })
}

/// What forbids perf_event_open(2) to count what the kernel does: its setting, or a filter.
fn not_counted(paranoid: Option<&str>, filtered: bool) -> String {
    let filter = if filtered { ", or a seccomp filter refuses it" } else { "" };
    match paranoid {
        Some(level @ ("2" | "3" | "4")) => {
            format!("kernel.perf_event_paranoid is {level}; 1 or CAP_PERFMON allows it{filter}")
        }
        _ if filtered => "a seccomp filter is in force, as in containers, and refuses it".into(),
        _ => "the permission is missing (CAP_PERFMON gives it)".into(),
    }
}

/// What a missing permission comes from.
fn refusal(call: &str, status: &str, filtered: bool) -> String {
    let needs = NEEDS.iter().find(|(name, ..)| *name == call);
    match needs {
        Some((_, name, number)) if !status.is_empty() && !capable(status, *number) => {
            let filter = if filtered { ", or a seccomp filter refuses it" } else { "" };
            format!("this needs {name}, which this process does not have{filter}")
        }
        _ if filtered => "a seccomp filter is in force, as in containers, and refuses it".into(),
        _ => "the permission is missing".into(),
    }
}

/// What a missing system call comes from.
fn absence(call: &str, kernel: &str, filtered: bool) -> String {
    let mut numbers = kernel.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let here = (numbers.next().and_then(Result::ok), numbers.next().and_then(Result::ok));
    let since = SINCE.iter().find(|(name, ..)| *name == call);
    match (since, here) {
        (Some((_, major, minor)), (Some(a), Some(b))) if (a, b) < (*major, *minor) => {
            format!("it needs Linux {major}.{minor} or newer, and this is {kernel}")
        }
        _ if filtered => "a seccomp filter is in force, as in containers, and hides it".into(),
        (Some((_, major, minor)), _) => {
            format!(
                "it came in Linux {major}.{minor}, and this one, {kernel}, refuses it (gVisor?)"
            )
        }
        _ => format!("this kernel, {kernel}, does not have it"),
    }
}

/// What decides why there can be no further process or thread.
#[derive(Debug, Default)]
struct Tasks {
    thread: bool,
    /// Tasks of this user and how many it may have; the limit does not bind root.
    user: Option<(u64, u64)>,
    cgroup: Cgroup,
    /// Tasks of the whole system, `kernel.threads-max` and `kernel.pid_max`.
    system: Option<(u64, u64, u64)>,
    /// Bytes that a thread's stack takes, and how many bytes are left of each limit.
    stack: u64,
    address_space_left: Option<u64>,
    data_left: Option<u64>,
    stack_is_set: bool,
}

impl Tasks {
    fn look(call: &str) -> Tasks {
        let number = |path: &str| -> Option<u64> { bounds::here(path)?.trim().parse().ok() };
        let status = bounds::here("/proc/self/status").unwrap_or_default();
        let left = |resource, key| {
            let used: u64 = status_line(&status, key)?.parse().ok()?;
            Some(limit(resource)?.saturating_sub(used << 10))
        };
        let own = std::env::var("RUST_MIN_STACK").ok().and_then(|bytes| bytes.parse().ok());
        // The variable is std's alone; the C library takes the limit on the first stack.
        let own = own.filter(|_| call == "thread");
        let usual = match call {
            "pthread_create" => limit(Resource::RLIMIT_STACK),
            _ => None,
        };
        let all = bounds::here("/proc/loadavg")
            .and_then(|text| text.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok());
        // CAP_SYS_ADMIN and CAP_SYS_RESOURCE lift the limit, setrlimit(2).
        let bound =
            !nix::unistd::getuid().is_root() && !capable(&status, 21) && !capable(&status, 24);
        Tasks {
            thread: matches!(call, "thread" | "pthread_create"),
            user: limit(Resource::RLIMIT_NPROC).filter(|_| bound).map(|limit| (of_user(), limit)),
            cgroup: Cgroup::here(),
            system: (|| {
                let max = number("/proc/sys/kernel/threads-max")?;
                Some((all?, max, number("/proc/sys/kernel/pid_max")?))
            })(),
            stack: own.or(usual).unwrap_or(2 << 20),
            stack_is_set: own.is_some(),
            address_space_left: left(Resource::RLIMIT_AS, "VmSize"),
            data_left: left(Resource::RLIMIT_DATA, "VmData"),
        }
    }

    fn why(&self) -> String {
        // Tasks come and go while they are counted.
        let reached = |now: u64, max: u64| now + 3 + max / 50 >= max;
        if self.thread {
            // glibc says EAGAIN for a stack that cannot be mapped, too.
            let stack = bytes(self.stack);
            for (left, option) in [(self.address_space_left, "-v"), (self.data_left, "-d")] {
                if let Some(left) = left.filter(|left| *left < self.stack + (1 << 20)) {
                    return format!(
                        "a stack of {stack} does not fit: {} are left of the limit on memory \
                         (ulimit {option})",
                        bytes(left)
                    );
                }
            }
        }
        if let Some((now, max)) = self.user.filter(|(now, max)| reached(*now, *max)) {
            return format!(
                "this user has {now} of at most {max} processes and threads (ulimit -u)"
            );
        }
        if let Some(max) = self.cgroup.tasks.filter(|_| self.cgroup.tasks_reached) {
            return format!(
                "this container or session has the {max} tasks that it may have (pids.max)"
            );
        }
        if let Some((now, threads, ids)) = self.system {
            for (max, name) in [(threads, "threads-max"), (ids, "pid_max")] {
                if reached(now, max) {
                    return format!("the system has {now} of at most {max} tasks (kernel.{name})");
                }
            }
        }
        if self.thread && self.stack_is_set {
            return format!("a stack of {} does not fit (RUST_MIN_STACK)", bytes(self.stack));
        }
        let mut limits = Vec::new();
        limits.extend(self.user.map(|(_, max)| format!("ulimit -u {max}")));
        limits.extend(self.cgroup.tasks.map(|max| format!("pids.max {max}")));
        match limits.is_empty() {
            true => "no limit that can be seen here is reached; the system refused it".into(),
            false => format!("a limit was reached for a moment ({})", limits.join(", ")),
        }
    }
}

/// The tasks of this process's user. Where /proc hides those of other processes, fewer.
fn of_user() -> u64 {
    let me = nix::unistd::getuid().as_raw().to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| bounds::here(&entry.path().join("status").display().to_string()))
        .filter(|status| {
            status_line(status, "Uid").is_some_and(|ids| ids.split_whitespace().next() == Some(&me))
        })
        .filter_map(|status| status_line(&status, "Threads")?.parse::<u64>().ok())
        .sum()
}

/// What decides why there is no memory.
#[derive(Debug, Default)]
struct Memory {
    /// Limit and use in bytes, by the option of ulimit.
    limits: Vec<(&'static str, u64, u64)>,
    cgroup: Option<u64>,
}

impl Memory {
    fn look() -> Memory {
        let status = bounds::here("/proc/self/status").unwrap_or_default();
        let kinds = [
            (Resource::RLIMIT_AS, "ulimit -v", "VmSize"),
            (Resource::RLIMIT_DATA, "ulimit -d", "VmData"),
        ];
        let limits = kinds.into_iter().filter_map(|(resource, name, key)| {
            let used: u64 = status_line(&status, key)?.parse().ok()?;
            Some((name, limit(resource)?, used << 10))
        });
        Memory { limits: limits.collect(), cgroup: Cgroup::here().memory }
    }

    fn why(&self) -> String {
        // The one that is nearest to its end.
        if let Some((name, max, used)) = self.limits.iter().min_by_key(|l| l.1.saturating_sub(l.2))
        {
            return format!(
                "there is not enough memory: {} are taken of the {} that {name} allows",
                bytes(*used),
                bytes(*max)
            );
        }
        match self.cgroup {
            Some(max) => {
                format!(
                    "there is not enough memory: memory.max of this container is {}",
                    bytes(max)
                )
            }
            None => "there is not enough memory".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_limit_is_unavailable_and_another_errno_is_a_failure() {
        let of = |errno| NoEvidence::of(&explain("pipe")(errno));
        let why = of(Errno::EMFILE).why().to_owned();
        assert!(matches!(of(Errno::EMFILE), NoEvidence::Unavailable(_)));
        assert!(why.starts_with("pipe: EMFILE: ") && why.ends_with("(ulimit -n)"), "{why}");
        assert_eq!(of(Errno::EIO), NoEvidence::Failed("pipe: EIO: I/O error".into()));
        for (call, errno) in [
            ("sched_setaffinity", Errno::EPERM),
            ("socketpair", Errno::EACCES),
            ("pidfd_open", Errno::ENOSYS),
            ("mmap", Errno::ENOMEM),
            ("write", Errno::ENOSPC),
            ("open /proc/4242/smaps", Errno::ENOENT),
        ] {
            assert!(matches!(NoEvidence::of(&explain(call)(errno)), NoEvidence::Unavailable(_)));
        }
        let strange = NoEvidence::of(&explain("mkdir a\x1b[31m\nb")(Errno::EIO));
        assert_eq!(strange, NoEvidence::Failed("mkdir a\\u{1b}[31m\\nb: EIO: I/O error".into()));
        let deep = explain("pipe")(Errno::EMFILE).context("the parent");
        assert!(matches!(NoEvidence::of(&deep), NoEvidence::Unavailable(_)));
    }

    #[test]
    fn what_nobody_explained_is_explained() {
        let error = Err::<(), _>(Errno::EMFILE).context("eventfd").unwrap_err();
        let found = NoEvidence::of(&error.context("counting"));
        assert!(found.why().starts_with("counting: eventfd: EMFILE: this process"), "{found}");
        let io = std::io::Error::from_raw_os_error(libc::EIO);
        let found = NoEvidence::of(&anyhow::Error::new(io).context("read"));
        assert!(matches!(found, NoEvidence::Failed(_)), "{found}");
        assert!(matches!(NoEvidence::of(&anyhow::anyhow!("lost")), NoEvidence::Failed(_)));
    }

    #[test]
    fn the_cause_of_a_missing_task_is_looked_for() {
        let why = |tasks: Tasks| tasks.why();
        let user = Tasks { user: Some((30, 30)), ..Tasks::default() };
        assert!(why(user).contains("30 of at most 30 processes and threads (ulimit -u)"));
        let cgroup = Cgroup { tasks: Some(20), tasks_reached: true, ..Cgroup::default() };
        let container = Tasks { user: Some((30, 4000)), cgroup, ..Tasks::default() };
        assert!(why(container).contains("20 tasks that it may have (pids.max)"));
        let system = Tasks { system: Some((1000, 1000, 32768)), ..Tasks::default() };
        assert!(why(system).contains("kernel.threads-max"));
        let stack =
            Tasks { thread: true, stack: 2 << 20, data_left: Some(1 << 20), ..Tasks::default() };
        assert!(why(stack).contains("2 MiB does not fit: 1 MiB are left"));
        let large = Tasks { thread: true, stack: 1 << 40, stack_is_set: true, ..Tasks::default() };
        assert!(why(large).ends_with("(RUST_MIN_STACK)"));
        assert!(why(Tasks::default()).contains("no limit that can be seen"));
    }

    #[test]
    fn a_missing_thread_is_explained_by_the_limit_that_is_reached() {
        // SAFETY: the child reads files, sets a limit of its own, and ends.
        let child = unsafe {
            crate::child::Child::fork(|| {
                let status = bounds::here("/proc/self/status").unwrap_or_default();
                let used = status_line(&status, "VmData").and_then(|kib| kib.parse::<u64>().ok());
                let room = (used.unwrap_or(0) << 10) + (2 << 20);
                let limited = nix::sys::resource::setrlimit(Resource::RLIMIT_DATA, room, room);
                let why = reason("thread", Errno::EAGAIN).unwrap_or_default();
                // The room is enough for a stack of the usual size, but for the margin, and not for 64 MiB.
                let refused = std::io::Error::from_raw_os_error(libc::EAGAIN);
                let large = explain_thread(64 << 20)(refused).to_string();
                i32::from(
                    limited.is_err()
                        || !why.ends_with("(ulimit -d)")
                        || !large.starts_with("thread: EAGAIN: a stack of 64 MiB does not fit: "),
                )
            })
        }
        .unwrap();
        let pid = child.pid();
        assert_eq!(child.wait().unwrap(), nix::sys::wait::WaitStatus::Exited(pid, 0));
    }

    #[test]
    fn the_cause_of_missing_memory_is_looked_for() {
        let limits = vec![("ulimit -v", 1 << 30, 64 << 20), ("ulimit -d", 16 << 20, 15 << 20)];
        let why = Memory { limits, cgroup: Some(1 << 30) }.why();
        assert!(why.ends_with("15 MiB are taken of the 16 MiB that ulimit -d allows"), "{why}");
        let why = Memory { limits: vec![], cgroup: Some(128 << 20) }.why();
        assert!(why.ends_with("memory.max of this container is 128 MiB"), "{why}");
        assert!(reason("mq_open", Errno::EMFILE).unwrap().contains("ulimit -q"));
        assert!(reason("mlock", Errno::ENOMEM).unwrap().contains("ulimit -l"));
        assert!(reason("pthread_cancel: tgkill", Errno::EAGAIN).unwrap().contains("ulimit -i"));
        assert_eq!(reason("read", Errno::EAGAIN), None);
    }

    #[test]
    fn a_missing_call_names_the_kernel_that_has_it() {
        assert!(absence("pidfd_open", "4.19.0-27", false).contains("Linux 5.3 or newer"));
        assert!(absence("pidfd_open", "6.1.0", true).contains("seccomp"));
        assert!(absence("pidfd_open", "6.1.0", false).contains("refuses it"));
    }

    #[test]
    fn a_missing_right_names_filter_or_capability() {
        let status = "CapEff:\t0000000000000000\n";
        assert!(refusal("sched_setscheduler", status, false).contains("CAP_SYS_NICE"));
        assert!(refusal("socketpair", status, true).contains("seccomp"));
        assert_eq!(refusal("socketpair", status, false), "the permission is missing");
        assert!(not_counted(Some("2"), false).contains("perf_event_paranoid is 2; 1 or CAP_"));
        assert!(not_counted(Some("1"), true).contains("seccomp filter is in force"));
        assert!(!not_counted(None, false).contains("paranoid"));
    }
}
