//! What a program is not allowed to do: resource limits, Landlock, seccomp.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::spec::Job;

/// Directories of the system that every program may read and execute.
const SYSTEM: &[&str] = &["/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin"];

/// Files of the system that programs look at when they start.
const SETTINGS: &[&str] =
    &["/etc/ld.so.cache", "/etc/alternatives", "/etc/passwd", "/etc/group", "/etc/localtime"];

const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random"];

/// Times more processes than a job may have, which the kernel allows: the supervisor notices what is
/// between, ends the job, and the limit is never reached. So gradings of one user, for whom the
/// kernel counts together, do not take processes from each other.
const MORE: u64 = 8;

/// Sets the limits of this process and of those that come from it.
pub(crate) fn limit(job: &Job, others: u64) -> Result<()> {
    let limits = &job.limits;
    let seconds = limits.seconds.ceil() as u64 + 1;
    let memory = if job.channel.is_some() { 2 << 30 } else { 8 << 30 };
    if !job.sees_processes {
        most_of(Resource::RLIMIT_CORE, 0)?;
    }
    for (resource, value) in [
        (Resource::RLIMIT_CPU, seconds * 4),
        (Resource::RLIMIT_AS, memory),
        (Resource::RLIMIT_FSIZE, limits.file),
        (Resource::RLIMIT_NOFILE, limits.descriptors),
        (Resource::RLIMIT_MEMLOCK, 1 << 20),
        (Resource::RLIMIT_MSGQUEUE, 1 << 20),
    ] {
        most_of(resource, value)?;
    }
    if job.sees_processes {
        // A child may raise it for itself, to see what a status says then.
        let (_, most) = nix::sys::resource::getrlimit(Resource::RLIMIT_CORE)?;
        setrlimit(Resource::RLIMIT_CORE, 0, most.min(1 << 20)).context("RLIMIT_CORE")?;
    }
    // A compiler forks nothing that a submission could tell it to.
    if job.channel.is_some() {
        most_of(Resource::RLIMIT_NPROC, MORE * limits.processes + others)?;
    }
    Ok(())
}

/// Lowers a limit, or leaves it if it is lower.
fn most_of(resource: Resource, value: u64) -> Result<()> {
    let (_, most) = nix::sys::resource::getrlimit(resource)?;
    let value = value.min(most);
    setrlimit(resource, value, value).with_context(|| format!("{resource:?}"))
}

/// Denies access to all files but those that the job needs. Says whether the kernel does it.
pub(crate) fn landlock(job: &Job, work: &Path, writable: &[&Path]) -> Result<bool> {
    let abi = ABI::V6;
    let read = AccessFs::from_read(abi);
    let all = AccessFs::from_all(abi);
    let mut readable: Vec<&Path> = job.readable.iter().map(AsRef::as_ref).collect();
    readable.extend(SYSTEM.iter().chain(SETTINGS).map(Path::new));
    readable.push(work);
    if job.sees_processes {
        readable.push(Path::new("/proc"));
    }
    let mut writable = writable.to_vec();
    if job.writes {
        writable.push(work);
    }
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(writable, all))?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// System calls that no exercise needs and that reach beyond the program itself.
const DENIED: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_personality,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_fanotify_init,
    libc::SYS_semget,
    libc::SYS_msgget,
];

/// The filters, made before the fork because that allocates.
///
/// `beyond_reach` are processes that must get no signal.
pub(crate) fn filters(beyond_reach: &[i32]) -> Result<Vec<BpfProgram>> {
    let equals = |argument, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
    };
    let differs = |argument, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        DENIED.iter().map(|call| (*call, Vec::new())).collect();
    let everybody = u64::from(u32::MAX);
    rules.insert(libc::SYS_kill, vec![SeccompRule::new(vec![equals(0, everybody)?])?]);
    // What changes another process is for oneself only: processes of one user may do it to each
    // other, and the supervisor is one of them.
    let another = |argument| -> Result<_> { Ok(SeccompRule::new(vec![differs(argument, 0)?])?) };
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setattr,
    ] {
        rules.insert(call, vec![another(0)?]);
    }
    // IOPRIO_WHO_USER of ioprio_set(2) is 3.
    for (call, user) in [(libc::SYS_setpriority, libc::PRIO_USER as u64), (libc::SYS_ioprio_set, 3)]
    {
        rules.insert(call, vec![another(1)?, SeccompRule::new(vec![equals(0, user)?])?]);
    }
    // Where there is no process namespace, the processes that judge are in reach. A negative number
    // stands for a process group.
    let mut judges = Vec::new();
    for pid in beyond_reach {
        for number in [*pid, pid.wrapping_neg()] {
            judges.push(SeccompRule::new(vec![equals(0, u64::from(number as u32))?])?);
        }
    }
    if !beyond_reach.is_empty() {
        // Without namespaces, System V's shared memory is the whole machine's, and stays.
        rules.insert(libc::SYS_shmget, Vec::new());
    }
    if !judges.is_empty() {
        for call in [
            libc::SYS_tkill,
            libc::SYS_tgkill,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_rt_tgsigqueueinfo,
            libc::SYS_pidfd_open,
        ] {
            rules.insert(call, judges.clone());
        }
        rules.entry(libc::SYS_kill).or_default().extend(judges);
    }
    let local = libc::AF_UNIX as u64;
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(vec![differs(0, local)?])?]);
    let spaces = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    let mut new_space = Vec::new();
    for flag in spaces {
        let flag = flag as u64;
        let has = SeccompCmpOp::MaskedEq(flag);
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, has, flag)?;
        new_space.push(SeccompRule::new(vec![condition])?);
    }
    rules.insert(libc::SYS_clone, new_space);
    let arch = std::env::consts::ARCH.try_into().context("seccomp on this processor")?;
    let deny = SeccompAction::Errno(libc::EPERM as u32);
    let denied = SeccompFilter::new(rules, SeccompAction::Allow, deny, arch)?;
    // Its arguments are in memory, where a filter cannot look; without it, libraries use clone.
    let unknown = [(libc::SYS_clone3, Vec::new())].into();
    let absent = SeccompAction::Errno(libc::ENOSYS as u32);
    let absent = SeccompFilter::new(unknown, SeccompAction::Allow, absent, arch)?;
    Ok(vec![denied.try_into()?, absent.try_into()?])
}

/// Puts the filters in force, for good.
pub(crate) fn seccomp(filters: &[BpfProgram]) -> Result<()> {
    for filter in filters {
        seccompiler::apply_filter(filter)?;
    }
    Ok(())
}
