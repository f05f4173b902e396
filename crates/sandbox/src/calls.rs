//! Which system calls a program may make: seccomp(2), as a list of what is allowed.
//!
//! What is not on the list fails with `EPERM`; what libraries try first and can do without, and what
//! is newer than this list, with `ENOSYS`. A call by another architecture's number ends the program.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use libc::*;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::spec::{Allow, Job};

/// Memory, threads, clocks, the descriptors that are there, and looking at files.
#[rustfmt::skip]
const COMPUTING: &[c_long] = &[
    SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_preadv2, SYS_write, SYS_writev, SYS_pwrite64,
    SYS_pwritev, SYS_pwritev2, SYS_lseek, SYS_close, SYS_close_range, SYS_fstat, SYS_newfstatat,
    SYS_statx, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getcwd, SYS_getdents64,
    SYS_fadvise64, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_msync,
    SYS_mincore, SYS_brk, SYS_mlock, SYS_munlock, SYS_membarrier, SYS_rseq, SYS_futex,
    SYS_set_robust_list, SYS_get_robust_list, SYS_set_tid_address, SYS_gettid, SYS_getpid,
    SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups, SYS_getresuid,
    SYS_getresgid, SYS_getpgid, SYS_getsid, SYS_uname, SYS_sysinfo, SYS_getrandom, SYS_getrusage,
    SYS_times, SYS_getcpu, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getparam,
    SYS_sched_getscheduler, SYS_sched_getattr, SYS_sched_get_priority_max,
    SYS_sched_get_priority_min, SYS_sched_rr_get_interval, SYS_getpriority, SYS_clock_gettime,
    SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend, SYS_sigaltstack, SYS_dup, SYS_dup3, SYS_restart_syscall, SYS_exit, SYS_exit_group, SYS_ppoll,
];

/// The same, by the older names that some architectures have beside these.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLDER_COMPUTING: &[c_long] = &[
    SYS_arch_prctl, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_time, SYS_poll,
    SYS_getrlimit, SYS_dup2,
];

/// Making, writing, renaming and removing files.
#[rustfmt::skip]
const FILES: &[c_long] = &[
    SYS_openat, SYS_mkdirat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_symlinkat,
    SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_sync_file_range,
    SYS_flock, SYS_umask, SYS_chdir, SYS_fchdir, SYS_statfs, SYS_fstatfs, SYS_sendfile, SYS_splice,
    SYS_tee, SYS_vmsplice, SYS_copy_file_range, SYS_readahead,
];

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLDER_FILES: &[c_long] = &[
    SYS_open, SYS_creat, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename, SYS_symlink,
];

/// Processes, signals, pipes, and waiting for any of them.
#[rustfmt::skip]
const PROCESSES: &[c_long] = &[
    SYS_execve, SYS_wait4, SYS_waitid, SYS_pidfd_send_signal, SYS_setpgid, SYS_setsid, SYS_pipe2, SYS_eventfd2, SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_timerfd_gettime, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2,
    SYS_pselect6, SYS_setitimer, SYS_getitimer, SYS_timer_create, SYS_timer_settime,
    SYS_timer_gettime, SYS_timer_delete, SYS_timer_getoverrun, SYS_futex_waitv, SYS_umask,
    SYS_chdir, SYS_fchdir, SYS_splice, SYS_tee, SYS_vmsplice, SYS_sendfile, SYS_ftruncate,
];

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLDER_PROCESSES: &[c_long] = &[
    SYS_fork, SYS_vfork, SYS_getpgrp, SYS_pipe, SYS_eventfd, SYS_signalfd,
    SYS_epoll_create, SYS_epoll_wait, SYS_select, SYS_alarm, SYS_pause, SYS_setrlimit,
];

/// What a pair of sockets takes: std makes one for each child, to hear whether it could be started;
/// and who has made one can be asked.
#[rustfmt::skip]
const PAIRS: &[c_long] = &[
    SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown,
    SYS_getsockopt,
];

/// What sockets take beside that.
const SOCKETS: &[c_long] = &[SYS_setsockopt, SYS_getsockname, SYS_getpeername];

/// What sockets take that have a name.
const NAMED_SOCKETS: &[c_long] = &[SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4];

/// System V's shared memory.
const SYSTEM_V: &[c_long] = &[SYS_shmget, SYS_shmat, SYS_shmctl, SYS_shmdt];

/// What linkers do to what they have made.
#[rustfmt::skip]
const BUILDING: &[c_long] = &[
    SYS_fchmod, SYS_fchmodat, SYS_utimensat, SYS_linkat, SYS_execveat,
];

#[cfg(target_arch = "x86_64")]
const OLDER_BUILDING: &[c_long] = &[SYS_chmod, SYS_link];

#[cfg(not(target_arch = "x86_64"))]
mod older {
    pub(super) const NONE: &[libc::c_long] = &[];
}
#[cfg(not(target_arch = "x86_64"))]
use older::{
    NONE as OLDER_COMPUTING, NONE as OLDER_FILES, NONE as OLDER_PROCESSES, NONE as OLDER_BUILDING,
};

/// Their arguments are in memory, where a filter cannot look; libraries do without them.
const DO_WITHOUT: &[c_long] = &[SYS_clone3, SYS_openat2];

/// Numbers beyond the newest call that is known here.
const NEWER: std::ops::Range<c_long> = 452..600;

/// What the rules depend on, beside the job.
pub(crate) struct Situation {
    /// The process that is to be restricted.
    pub(crate) me: i32,
    /// Where, in the memory of that process, the arguments of its own execve are.
    pub(crate) execve: [u64; 3],
    /// Processes that must get no signal: those that judge, where they are visible.
    pub(crate) beyond_reach: Vec<i32>,
    /// Whether named sockets lead nowhere but to the run's own.
    pub(crate) own_root: bool,
    /// Whether System V's shared memory is the run's own.
    pub(crate) own_memory: bool,
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// The filters that allow what the job may do, in the order in which they are to be installed.
pub(crate) fn filters(job: &Job, situation: &Situation) -> Result<Vec<BpfProgram>> {
    let rules = allowed(job, situation)?;
    let newer = DO_WITHOUT.iter().copied().chain(NEWER).filter(|call| !rules.contains_key(call));
    let newer: Rules = newer.map(|call| (call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().context("seccomp on this processor")?;
    let denied = SeccompAction::Errno(EPERM as u32);
    let denied = SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)?;
    let absent = SeccompAction::Errno(ENOSYS as u32);
    // Of two filters that refuse, the one that was installed last gives the number.
    let absent = SeccompFilter::new(newer, SeccompAction::Allow, absent, arch)?;
    Ok(vec![denied.try_into()?, absent.try_into()?])
}

fn allowed(job: &Job, situation: &Situation) -> Result<Rules> {
    let builds = job.allows(Allow::Building);
    let (files, processes) = (job.allows(Allow::Files), job.allows(Allow::Processes));
    let mut rules = Rules::new();
    let mut allow = |calls: &[c_long]| rules.extend(calls.iter().map(|call| (*call, Vec::new())));
    allow(COMPUTING);
    allow(OLDER_COMPUTING);
    for (allowed, calls) in [
        (files, FILES),
        (files, OLDER_FILES),
        (processes, PROCESSES),
        (processes, OLDER_PROCESSES),
        (builds, BUILDING),
        (builds, OLDER_BUILDING),
        (processes || job.allows(Allow::Sockets), PAIRS),
        (job.allows(Allow::Sockets), SOCKETS),
        (job.allows(Allow::Sockets) && situation.own_root, NAMED_SOCKETS),
        (job.allows(Allow::SharedMemory) || builds, &[SYS_memfd_create, SYS_ftruncate]),
        (job.allows(Allow::SharedMemory) && situation.own_memory, SYSTEM_V),
    ] {
        if allowed {
            allow(calls);
        }
    }

    let mut only = |call, rule: Vec<SeccompCondition>| -> Result<()> {
        let rule = SeccompRule::new(rule)?;
        rules.entry(call).and_modify(|rules| rules.push(rule.clone())).or_insert(vec![rule]);
        Ok(())
    };
    // What changes another process is for oneself only: processes of one user may do it to each
    // other, and the supervisor is one of them.
    only(SYS_prlimit64, vec![equals(0, 0)?])?;
    for option in READ_OPTIONS {
        only(SYS_prctl, vec![equals(0, *option as u64)?])?;
    }
    // The second filter comes through the first. Who adds another one restricts only itself.
    only(SYS_seccomp, vec![equals(0, SECCOMP_SET_MODE_FILTER.into())?])?;
    // Nobody may hide from who looks at what was left.
    only(SYS_prctl, vec![equals(0, PR_SET_DUMPABLE as u64)?, equals(1, 1)?])?;
    for request in [TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX] {
        only(SYS_ioctl, vec![equals(1, request)?])?;
    }
    for command in COMMANDS {
        only(SYS_fcntl, vec![equals(1, *command as u64)?])?;
    }
    if !files {
        let writes = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & !O_DIRECTORY);
        only(SYS_openat, vec![masked(2, writes as u64, 0)?])?;
        #[cfg(target_arch = "x86_64")]
        only(SYS_open, vec![masked(1, writes as u64, 0)?])?;
    } else {
        let fifo = |argument| masked(argument, u64::from(S_IFMT), u64::from(S_IFIFO));
        only(SYS_mknodat, vec![fifo(2)?])?;
        #[cfg(target_arch = "x86_64")]
        only(SYS_mknod, vec![fifo(1)?])?;
    }
    if !processes {
        let [path, arguments, environment] = situation.execve;
        only(SYS_execve, vec![whole(0, path)?, whole(1, arguments)?, whole(2, environment)?])?;
        let thread = CLONE_THREAD as u64;
        only(SYS_clone, vec![masked(0, thread | NEW_SPACES, thread)?])?;
        let me = situation.me as u64;
        only(SYS_tgkill, vec![equals(0, me)?])?;
    } else {
        only(SYS_clone, vec![masked(0, NEW_SPACES, 0)?])?;
        // A negative number stands for a process group, -1 for everybody.
        let judges = situation.beyond_reach.iter().flat_map(|pid| [*pid, pid.wrapping_neg()]);
        let mut others = vec![differs(0, u64::from(u32::MAX))?];
        for number in judges {
            others.push(differs(0, u64::from(number as u32))?);
        }
        for call in [
            SYS_kill,
            SYS_tkill,
            SYS_tgkill,
            SYS_rt_sigqueueinfo,
            SYS_rt_tgsigqueueinfo,
            SYS_pidfd_open,
        ] {
            only(call, others.clone())?;
        }
        for option in WRITE_OPTIONS {
            only(SYS_prctl, vec![equals(0, *option as u64)?])?;
        }
        for call in
            [SYS_sched_setaffinity, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_setattr]
        {
            only(call, vec![equals(0, 0)?])?;
        }
        // IOPRIO_WHO_USER of ioprio_set(2) is 3.
        only(SYS_setpriority, vec![equals(1, 0)?, differs(0, PRIO_USER as u64)?])?;
        only(SYS_ioprio_set, vec![equals(1, 0)?, differs(0, 3)?])?;
    }
    let local = AF_UNIX as u64;
    if processes || job.allows(Allow::Sockets) {
        only(SYS_socketpair, vec![equals(0, local)?])?;
    } else if let Some(channel) = &job.channel {
        for call in [SYS_sendto, SYS_recvfrom] {
            only(call, vec![equals(0, channel.descriptor as u64)?])?;
        }
    }
    if job.allows(Allow::Sockets) && situation.own_root {
        only(SYS_socket, vec![equals(0, local)?])?;
    }
    Ok(rules)
}

/// What prctl(2) may be asked, and the names of threads and memory.
const READ_OPTIONS: &[c_int] = &[
    PR_SET_NAME,
    PR_GET_NAME,
    PR_SET_VMA,
    PR_GET_DUMPABLE,
    PR_CAPBSET_READ,
    PR_GET_NO_NEW_PRIVS,
    PR_SET_NO_NEW_PRIVS,
    PR_GET_PDEATHSIG,
    PR_GET_TIMERSLACK,
];

/// What of prctl(2) belongs to processes.
const WRITE_OPTIONS: &[c_int] =
    &[PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_TIMERSLACK];

/// Commands of fcntl(2); those are not among them that let a descriptor send signals.
const COMMANDS: &[c_int] = &[
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_GETFD,
    F_SETFD,
    F_GETFL,
    F_SETFL,
    F_GETLK,
    F_SETLK,
    F_SETLKW,
    F_OFD_GETLK,
    F_OFD_SETLK,
    F_OFD_SETLKW,
    F_GETPIPE_SZ,
    F_SETPIPE_SZ,
    F_ADD_SEALS,
    F_GET_SEALS,
];

/// Flags of clone(2) for new namespaces.
const NEW_SPACES: u64 = (CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNS
    | CLONE_NEWNET
    | CLONE_NEWIPC
    | CLONE_NEWUTS
    | CLONE_NEWCGROUP) as u64;

fn condition(argument: u8, how: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    // The kernel looks at the lower half of most arguments only, and so must a filter.
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value)?)
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn differs(argument: u8, value: u64) -> Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::MaskedEq(mask), value)
}

/// An address.
fn whole(argument: u8, value: u64) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)?)
}

/// Puts the filters in force, for good.
pub(crate) fn restrict(filters: &[BpfProgram]) -> Result<()> {
    for filter in filters {
        seccompiler::apply_filter(filter)?;
    }
    Ok(())
}
