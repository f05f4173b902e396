//! Surroundings as containers, classrooms and old machines have them: what is refused, missing,
//! full or inherited. Each is made in a process of its own, which then becomes the grader.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{getegid, geteuid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// One of them.
pub struct Surroundings {
    pub name: &'static str,
    /// Whether each run tries it, and not only a share of them.
    pub always: bool,
    /// Makes it, of this process and of the command that it is about to become.
    pub make: fn(&mut Command) -> Result<()>,
    pub expected: Expected,
    /// Words of what `doctor` must say is missing.
    pub doctor: &'static [&'static str],
}

/// What a right submission gets.
#[derive(Clone, Copy, PartialEq)]
pub enum Expected {
    /// All of its points.
    Points,
    /// No points, not even 0, and a sentence about the machine with these words in it.
    Fault(&'static [&'static str]),
}

use Expected::{Fault, Points};

const fn usual(name: &'static str, make: fn(&mut Command) -> Result<()>) -> Surroundings {
    Surroundings { name, always: false, make, expected: Points, doctor: &[] }
}

impl Surroundings {
    const fn always(self) -> Surroundings {
        Surroundings { always: true, ..self }
    }

    const fn fault(self, words: &'static [&'static str]) -> Surroundings {
        Surroundings { expected: Fault(words), ..self }
    }

    const fn doctor(self, doctor: &'static [&'static str]) -> Surroundings {
        Surroundings { doctor, ..self }
    }
}

/// What programs write to is below this directory, which the test removes.
const TEMPORARY: &str = "TMPDIR";

#[rustfmt::skip]
pub const ALL: &[Surroundings] = &[
    // What a container refuses.
    usual("a container", |_| container()).always().doctor(&["user namespace: not allowed here"]),
    usual("no capabilities", |_| no_capabilities()),
    usual("no user namespaces", |_| no_new_spaces(libc::CLONE_NEWUSER, libc::EPERM))
        .doctor(&["user namespace: not allowed here"]),
    usual("a limit of no user namespaces", |_| no_new_spaces(libc::CLONE_NEWUSER, libc::ENOSPC))
        .doctor(&["user namespace: there are none"]),
    usual("no network namespaces", |_| no_new_spaces(libc::CLONE_NEWNET, libc::EPERM))
        .doctor(&["network namespace"]),
    usual("no mounts", |_| refuse(MOUNTS, libc::EPERM)).doctor(&["mount"]),
    usual("no pivot_root", |_| refuse(&[libc::SYS_pivot_root], libc::EPERM)).doctor(&["pivot_root"]),
    usual("no close_range", |_| refuse(&[libc::SYS_close_range], libc::EPERM)),
    usual("no ptrace", |_| refuse(PTRACE, libc::EPERM)),
    usual("no Landlock", |_| refuse(LANDLOCK, libc::EOPNOTSUPP)).doctor(&["Landlock"]),
    usual("no seccomp", |_| refuse(&[libc::SYS_seccomp], libc::EPERM)).fault(&["seccomp"]),
    usual("no memfd", |_| refuse(&[libc::SYS_memfd_create], libc::EPERM)),
    usual("an old kernel", |_| refuse(NEW, libc::ENOSYS)).doctor(&["Landlock"]),
    usual("an old kernel in a container", |_| {
        refuse(NEW, libc::ENOSYS)?;
        container()
    }),
    usual("CPUs unknown", |_| refuse(&[libc::SYS_sched_getaffinity], libc::EPERM)),
    usual("no locks on files", |_| refuse(&[libc::SYS_flock], libc::ENOLCK)),
    usual("no processes", |_| refuse(FORKS, libc::EAGAIN)).fault(&["pids.max"]),
    // What a shell hands down.
    usual("SIGCHLD ignored", |_| ignore(&[libc::SIGCHLD])).always(),
    usual("SIGTERM ignored", |_| ignore(&[libc::SIGTERM, libc::SIGINT, libc::SIGHUP])),
    usual("all signals ignored and blocked", |_| deaf()),
    usual("nothing standard", |_| closed(&[0, 2])),
    usual("a closed umask", |_| {
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o777));
        Ok(())
    }),
    usual("a directory that is gone", gone),
    usual("large stacks for threads", |it| set(it, "RUST_MIN_STACK", "1099511627776")),
    usual("another TMPDIR", |it| set(it, TEMPORARY, "/nonexistent")),
    usual("another TMPDIR in a container", |it| {
        set(it, TEMPORARY, "/nonexistent")?;
        container()
    }),
    usual("variables for builds", |it| {
        let wrong = [("RUSTFLAGS", "-Cno-such"), ("RUSTC_WRAPPER", "/nonexistent")];
        it.envs(wrong).env("CARGO_ENCODED_RUSTFLAGS", "-Cno-such");
        Ok(())
    }),
    usual("no HOME", |it| {
        it.env_remove("HOME").env_remove("PATH").env("RUSTC", rustc()?);
        Ok(())
    }),
    usual("no compiler", |it| set(it, "RUSTC", "/nonexistent/rustc")).fault(&["rustc"]),
    // Limits.
    usual("256 open files", |_| limit(Resource::RLIMIT_NOFILE, 256)),
    usual("32 open files", |_| limit(Resource::RLIMIT_NOFILE, 32)).fault(&["ulimit -n"]),
    usual("300 MiB of addresses", |_| limit(Resource::RLIMIT_AS, 300 << 20)).fault(&["ulimit -v"]),
    usual("small files", |_| limit(Resource::RLIMIT_FSIZE, 64 << 10)).fault(&["ulimit -f"]),
    usual("no locked memory, no queues", |_| {
        limit(Resource::RLIMIT_MEMLOCK, 0)?;
        limit(Resource::RLIMIT_MSGQUEUE, 0)
    }),
    usual("no waiting signals", |_| limit(Resource::RLIMIT_SIGPENDING, 0)).fault(&["ulimit -i"]),
    usual("200 processes of a user", |_| {
        ensure!(!geteuid().is_root(), "root has no such limit");
        limit(Resource::RLIMIT_NPROC, 200)
    }).fault(&["ulimit -u"]),
    usual("12 processes", |_| processes(12)).fault(&["pids.max"]),
    usual("60 processes", |_| processes(60)).fault(&["pids.max"]),
    // File systems.
    usual("a TMPDIR without execution", |_| {
        tmpfs(&temporary()?, MsFlags::MS_NOEXEC, "")?;
        container()
    }),
    usual("no execution anywhere", |_| {
        for place in [temporary()?, "/var/tmp".into()] {
            tmpfs(&place, MsFlags::MS_NOEXEC, "")?;
        }
        bind(&built()?, MOUNT_ATTR_NOEXEC)?;
        container()
    }).fault(&["noexec"]),
    usual("a full TMPDIR", |_| {
        tmpfs(&temporary()?, MsFlags::empty(), "size=256k")?;
        container()
    }),
    usual("full disks", |_| {
        for place in [temporary()?, "/var/tmp".into()] {
            tmpfs(&place, MsFlags::empty(), "size=256k")?;
        }
        bind(&built()?, MOUNT_ATTR_RDONLY)?;
        container()
    }).fault(&["No space left"]).always(),
    usual("a read-only checkout", |_| bind(&workspace(), MOUNT_ATTR_RDONLY)),
    usual("a read-only root in a container", |_| {
        bind(Path::new("/"), MOUNT_ATTR_RDONLY)?;
        tmpfs(&temporary()?, MsFlags::empty(), "")?;
        container()
    }),
    usual("nothing can be written", |_| {
        bind(Path::new("/"), MOUNT_ATTR_RDONLY)?;
        container()
    }).fault(&["Read-only file system"]),
    usual("no /dev/shm", |_| few_devices()),
    usual("no /dev/shm in a container", |_| {
        few_devices()?;
        container()
    }),
    usual("no /proc", |_| tmpfs(Path::new("/proc"), MsFlags::empty(), "")).fault(&["/proc"]),
    usual("a /proc that hides others", |_| proc_with("hidepid=2")),
    usual("a /proc of processes alone", |_| proc_with("subset=pid")),
    usual("no linker", |_| no_linker()).fault(&["linker `cc` not found"]).always(),
    usual("a linker that Cargo is told of", |it| {
        let triple = format!("{}_UNKNOWN_LINUX_GNU", std::env::consts::ARCH.to_uppercase());
        no_linker()?;
        set(it, &format!("CARGO_TARGET_{triple}_LINKER"), "gcc")
    }),
    usual("programs in a store", store),
    usual("programs in a store in a container", |it| {
        store(it)?;
        container()
    }),
];

const MOUNTS: &[i64] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
];

const PTRACE: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
];

const LANDLOCK: &[i64] = &[
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
];

/// What Linux 5.3 does not have.
const NEW: &[i64] = &[
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_openat2,
    libc::SYS_pidfd_getfd,
    libc::SYS_faccessat2,
    libc::SYS_process_madvise,
    libc::SYS_epoll_pwait2,
    libc::SYS_mount_setattr,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
    libc::SYS_memfd_secret,
    libc::SYS_futex_waitv,
];

const FORKS: &[i64] = &[
    libc::SYS_clone,
    libc::SYS_clone3,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// What containers without privileges refuse, and no capability is left.
fn container() -> Result<()> {
    no_capabilities()?;
    refuse(MOUNTS, libc::EPERM)?;
    refuse(PTRACE, libc::EPERM)?;
    refuse(&[libc::SYS_unshare, libc::SYS_setns, libc::SYS_pivot_root], libc::EPERM)?;
    // What a filter cannot look into is said not to be there, and libraries ask the older way.
    refuse(&[libc::SYS_clone3], libc::ENOSYS)?;
    no_new_spaces(NEW_SPACES, libc::EPERM)
}

const NEW_SPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// What is executed from here on has no capability, whoever it is.
fn no_capabilities() -> Result<()> {
    for capability in 0..64 {
        // SAFETY: prctl(2) with this takes integers. It fails for what has none to drop.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    Ok(())
}

/// Lets these calls fail from here on.
fn refuse(calls: &[i64], errno: i32) -> Result<()> {
    filter(calls.iter().map(|call| (*call, Vec::new())).collect(), errno)
}

/// Lets unshare(2) and clone(2) fail with any of these flags.
fn no_new_spaces(flags: i32, errno: i32) -> Result<()> {
    let mut rules = BTreeMap::new();
    for call in [libc::SYS_unshare, libc::SYS_clone] {
        let bits = (0..31).map(|bit| 1 << bit).filter(|bit| flags & bit != 0);
        let one = |bit: i32| {
            let (bit, size) = (bit as u64, SeccompCmpArgLen::Dword);
            let is_set = SeccompCondition::new(0, size, SeccompCmpOp::MaskedEq(bit), bit)?;
            SeccompRule::new(vec![is_set])
        };
        rules.insert(call, bits.map(one).collect::<Result<Vec<_>, _>>()?);
    }
    filter(rules, errno)
}

fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Result<()> {
    let arch = std::env::consts::ARCH.try_into()?;
    let fails = SeccompAction::Errno(errno as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, fails, arch)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

fn ignore(signals: &[i32]) -> Result<()> {
    for signal in signals {
        // SAFETY: to ignore a signal runs no code.
        unsafe { libc::signal(*signal, libc::SIG_IGN) };
    }
    Ok(())
}

fn deaf() -> Result<()> {
    use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
    ignore(&(1..=libc::SIGRTMAX()).collect::<Vec<_>>())?;
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?)
}

fn closed(descriptors: &[i32]) -> Result<()> {
    for descriptor in descriptors {
        // SAFETY: what this process becomes is meant to lack it.
        unsafe { libc::close(*descriptor) };
    }
    Ok(())
}

fn gone(_: &mut Command) -> Result<()> {
    let directory = temporary()?.join("gone");
    fs::create_dir(&directory)?;
    std::env::set_current_dir(&directory)?;
    Ok(fs::remove_dir(directory)?)
}

fn set(command: &mut Command, name: &str, value: &str) -> Result<()> {
    command.env(name, value);
    Ok(())
}

fn limit(resource: Resource, most: u64) -> Result<()> {
    Ok(setrlimit(resource, most, most)?)
}

/// A group of processes with a limit, cgroups(7), which the test removes.
fn processes(most: u32) -> Result<()> {
    let group =
        group(nix::unistd::getppid().as_raw()).context("no group of processes can be made here")?;
    fs::create_dir(&group)?;
    fs::write(group.join("pids.max"), most.to_string())?;
    Ok(fs::write(group.join("cgroup.procs"), std::process::id().to_string())?)
}

/// Where the group of a test is made, whose process this is: in the second version of control groups,
/// or in the first.
pub fn group(test: i32) -> Option<PathBuf> {
    let tops = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids"].map(Path::new);
    let counts = |top: &&Path| {
        let of_second = fs::read_to_string(top.join("cgroup.subtree_control"));
        of_second.is_ok_and(|it| it.contains("pids")) || top.join("cgroup.sane_behavior").exists()
    };
    Some(tops.into_iter().find(counts)?.join(format!("grader-test-{test}")))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("/")).to_owned()
}

fn temporary() -> Result<PathBuf> {
    Ok(std::env::var_os(TEMPORARY).context("TMPDIR")?.into())
}

/// The directory of what the grader has built, which is the last in which it puts a program.
fn built() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_grader")).ancestors().nth(2).context("target")?;
    Ok(target.join("grade"))
}

const NOTHING: Option<&str> = None;

/// Mounts are this process's own from here on.
fn own_mounts() -> Result<()> {
    if geteuid().is_root() {
        unshare(CloneFlags::CLONE_NEWNS)?;
    } else {
        let (user, group) = (geteuid(), getegid());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    }
    Ok(mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?)
}

fn tmpfs(place: &Path, flags: MsFlags, options: &str) -> Result<()> {
    own_mounts()?;
    let options = format!("mode=1777,{options}");
    Ok(mount(Some("tmpfs"), place, Some("tmpfs"), flags, Some(options.trim_end_matches(',')))?)
}

const MOUNT_ATTR_RDONLY: u64 = 1;
const MOUNT_ATTR_NOEXEC: u64 = 8;

/// What is at this place stays there, with an attribute of mount_setattr(2).
fn bind(place: &Path, attribute: u64) -> Result<()> {
    own_mounts()?;
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(place), place, NOTHING, bind, NOTHING)?;
    let name = CString::new(place.as_os_str().as_encoded_bytes())?;
    // `struct mount_attr`: what is set, what is cleared, propagation, a user namespace.
    let attributes = [attribute, 0, 0, 0];
    // SAFETY: the name ends with a zero, the attributes are of the size that is given.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            name.as_ptr(),
            libc::AT_RECURSIVE,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    nix::errno::Errno::result(done).context("mount_setattr")?;
    if place == Path::new("/") {
        // What was mounted is entered from here on.
        std::env::set_current_dir("/")?;
        nix::unistd::chroot("/")?;
    }
    Ok(())
}

/// Nothing in /dev but what every container has.
fn few_devices() -> Result<()> {
    let devices = ["null", "zero", "full", "random", "urandom", "tty"];
    own_mounts()?;
    let kept = temporary()?.join("dev");
    fs::create_dir(&kept)?;
    tmpfs(&kept, MsFlags::empty(), "")?;
    for device in devices {
        let (from, to) = (Path::new("/dev").join(device), kept.join(device));
        fs::write(&to, "")?;
        mount(Some(&from), &to, NOTHING, MsFlags::MS_BIND, NOTHING)?;
    }
    mount(Some(&kept), "/dev", NOTHING, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING)?;
    nix::mount::umount2(&kept, nix::mount::MntFlags::MNT_DETACH)?;
    Ok(fs::remove_dir(kept)?)
}

fn proc_with(options: &str) -> Result<()> {
    own_mounts()?;
    Ok(mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), Some(options))?)
}

/// The directories where programs are, without `cc`: in a layer over each (overlayfs).
fn no_linker() -> Result<()> {
    own_mounts()?;
    let layers = temporary()?.join("layers");
    fs::create_dir(&layers)?;
    tmpfs(&layers, MsFlags::empty(), "")?;
    for (number, directory) in ["/usr/local/bin", "/usr/bin", "/bin"].iter().enumerate() {
        if Path::new(directory).is_symlink() || !Path::new(directory).join("cc").is_symlink() {
            continue;
        }
        let (upper, work) =
            (layers.join(format!("{number}")), layers.join(format!("{number}-work")));
        fs::create_dir(&upper)?;
        fs::create_dir(&work)?;
        fs::set_permissions(&upper, fs::Permissions::from_mode(0o755))?;
        let options =
            format!("lowerdir={directory},upperdir={},workdir={}", upper.display(), work.display());
        mount(Some("overlay"), *directory, Some("overlay"), MsFlags::empty(), Some(&*options))?;
        fs::remove_file(Path::new(directory).join("cc"))?;
    }
    nix::mount::umount2(&layers, nix::mount::MntFlags::MNT_DETACH)?;
    Ok(fs::remove_dir(layers)?)
}

/// As where a distribution keeps everything in a store: the loader is there, and `cc`, by which
/// programs get this loader. The grader itself is such a program.
fn store(command: &mut Command) -> Result<()> {
    const USUAL: &[u8] = b"/lib64/ld-linux-x86-64.so.2\0";
    const LOADER: &str = "/srv/store/loader.so";
    const SCRIPT: &str =
        "#!/bin/sh\nexec /usr/bin/gcc -Wl,--dynamic-linker=/srv/store/loader.so \"$@\"\n";
    no_linker()?;
    tmpfs(Path::new("/srv"), MsFlags::empty(), "")?;
    let store = Path::new("/srv/store");
    fs::create_dir_all(store.join("bin"))?;
    fs::copy("/lib64/ld-linux-x86-64.so.2", LOADER)?;
    let (cc, grader) = (store.join("bin/cc"), store.join("grader"));
    fs::write(&cc, SCRIPT)?;
    fs::set_permissions(&cc, fs::Permissions::from_mode(0o755))?;
    let mut program = fs::read(env!("CARGO_BIN_EXE_grader"))?;
    let at = program.windows(USUAL.len()).position(|it| it == USUAL).context("another loader")?;
    program[at..at + USUAL.len()].fill(0);
    program[at..at + LOADER.len()].copy_from_slice(LOADER.as_bytes());
    fs::write(&grader, program)?;
    fs::set_permissions(&grader, fs::Permissions::from_mode(0o755))?;
    mount(Some(&grader), env!("CARGO_BIN_EXE_grader"), NOTHING, MsFlags::MS_BIND, NOTHING)?;
    let path = std::env::var("PATH").unwrap_or_default();
    set(command, "PATH", &format!("/srv/store/bin:{path}"))
}

/// The compiler itself, which needs no HOME to be found.
fn rustc() -> Result<PathBuf> {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--print", "sysroot"])
        .output()?;
    ensure!(output.status.success(), "rustc");
    Ok(Path::new(String::from_utf8(output.stdout)?.trim()).join("bin/rustc"))
}

/// Becomes the command, in these surroundings; returns only if that fails.
pub fn enter(name: &str, command: &mut Command) -> Result<Infallible> {
    let surroundings = ALL.iter().find(|it| it.name == name).context("no such surroundings")?;
    (surroundings.make)(command)?;
    Err(command.exec().into())
}
