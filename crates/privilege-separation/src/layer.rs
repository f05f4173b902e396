//! The layers that can be put around a process, each by the calls that it consists of.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use lab::Unavailable;
use lab::child::{die_with, explain, explain_io};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{set_dumpable, set_no_new_privs};
use nix::unistd::{
    Gid, Uid, chdir, getegid, geteuid, getppid, pivot_root, setgroups, setresgid, setresuid,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Users that hardly anybody is: the host, another one, and the owner of a set-user-ID program.
pub const HOST: u32 = 65532;
pub const OTHER: u32 = 65533;
pub const OWNER: u32 = 65531;

/// Something that a process gives up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    OtherUser,
    NoNewPrivs,
    Seccomp,
    Landlock,
    User,
    Pid,
    Mount,
    Net,
}

impl Layer {
    /// Puts it around this process. What this machine does not allow is [`Unavailable`].
    pub fn apply(self) -> Result<()> {
        match self {
            Layer::OtherUser => become_user(OTHER),
            Layer::NoNewPrivs => set_no_new_privs().map_err(explain("prctl")),
            Layer::Seccomp => filter_calls(),
            Layer::Landlock => no_files(),
            Layer::User => new_user_namespace(),
            // A new process namespace is for the children that come.
            Layer::Pid => new_namespace(CloneFlags::CLONE_NEWPID),
            Layer::Mount => empty_root(),
            Layer::Net => new_namespace(CloneFlags::CLONE_NEWNET),
        }
    }
}

/// Gives up the present user, its groups and with them all capabilities. With it go the wish to die
/// with the parent, which is renewed, and being dumpable, which is renewed too.
pub fn become_user(user: u32) -> Result<()> {
    if !geteuid().is_root() {
        bail!(Unavailable::because("setuid: to become another user needs CAP_SETUID"));
    }
    let parent = getppid();
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    setgroups(&[]).map_err(explain("setgroups"))?;
    setresgid(gid, gid, gid).map_err(explain("setgid"))?;
    setresuid(uid, uid, uid).map_err(explain("setuid"))?;
    die_with(parent);
    set_dumpable(true).map_err(explain("prctl"))
}

// ANCHOR: seccomp
/// Computing, the descriptors that are there, and ending. Nothing that opens, finds or makes.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

fn filter() -> Result<BpfProgram> {
    let rules: BTreeMap<i64, Vec<_>> = ALLOWED.iter().map(|call| (*call, vec![])).collect();
    let otherwise = SeccompAction::Errno(libc::EPERM as u32);
    let arch = std::env::consts::ARCH.try_into().context("seccomp on this processor")?;
    Ok(SeccompFilter::new(rules, otherwise, SeccompAction::Allow, arch)?.try_into()?)
}
// ANCHOR_END: seccomp

/// Allows this thread a few system calls; all others fail with EPERM. The library sets
/// no_new_privs first, without which an ordinary user may not do this.
pub fn filter_calls() -> Result<()> {
    match seccompiler::apply_filter(&filter()?) {
        Err(seccompiler::Error::Prctl(error)) => Err(explain_io("prctl")(error)),
        Err(seccompiler::Error::Seccomp(error)) if error.raw_os_error() == Some(libc::EINVAL) => {
            bail!(Unavailable::because("seccomp: EINVAL: this kernel was built without filters"))
        }
        Err(seccompiler::Error::Seccomp(error)) => Err(explain_io("seccomp")(error)),
        other => Ok(other.context("seccomp")?),
    }
}

// ANCHOR: landlock
/// Handles all access to files and allows none; nor signals and abstract sockets out of here.
fn no_files() -> Result<()> {
    let abi = ABI::V6;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()
        .context("landlock_create_ruleset")?
        .restrict_self()
        .context("landlock_restrict_self")?;
    match status.ruleset {
        RulesetStatus::NotEnforced => {
            bail!(Unavailable::because("landlock: this kernel does not have it, or has it off"))
        }
        _ => Ok(()),
    }
}
// ANCHOR_END: landlock

fn new_namespace(kind: CloneFlags) -> Result<()> {
    unshare(kind).map_err(|errno| match errno {
        Errno::ENOSPC | Errno::EUSERS => Unavailable::because(format!(
            "unshare: {errno:?}: there may be no more namespaces (user.max_*_namespaces)"
        ))
        .into(),
        Errno::EINVAL => {
            Unavailable::because("unshare: EINVAL: this kernel was built without it").into()
        }
        errno => explain("unshare")(errno),
    })
}

// ANCHOR: user-namespace
/// In there this user is number 0 and has all capabilities; out here it is who it was.
fn new_user_namespace() -> Result<()> {
    let (user, group) = (geteuid(), getegid());
    new_namespace(CloneFlags::CLONE_NEWUSER)?;
    for (file, says) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {user} 1")),
        ("/proc/self/gid_map", format!("0 {group} 1")),
    ] {
        std::fs::write(file, says).map_err(explain_io("open(/proc/self/uid_map)"))?;
    }
    Ok(())
}
// ANCHOR_END: user-namespace

/// A mount namespace of this process's own.
pub fn new_mounts() -> Result<()> {
    new_namespace(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).map_err(explain("mount"))
}

/// An empty file system in memory at `place`; it ends with its namespace.
pub fn mount_memory(place: &Path) -> Result<()> {
    mount(Some("tmpfs"), place, Some("tmpfs"), MsFlags::empty(), Some("size=256m,mode=755"))
        .map_err(explain("mount"))
}

/// A directory to mount on; nothing in it is touched.
pub fn mount_point() -> Result<&'static Path> {
    let places = ["/tmp", "/mnt", "/var", "/usr"].map(Path::new);
    let place = places.into_iter().find(|place| place.is_dir());
    place.ok_or_else(|| Unavailable::because("mount: there is no directory to mount on").into())
}

// ANCHOR: empty-root
/// A root directory with nothing in it, in a mount namespace of this process's own: pivot_root(2).
fn empty_root() -> Result<()> {
    new_mounts()?;
    let place = mount_point()?;
    mount_memory(place)?;
    chdir(place).map_err(explain("chdir"))?;
    pivot_root(".", ".").map_err(explain("pivot_root"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(explain("umount"))?;
    chdir("/").map_err(explain("chdir"))
}
// ANCHOR_END: empty-root
