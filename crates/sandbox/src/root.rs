//! A root of its own: an empty tree in memory, into which only what compiler and program need is
//! bound, read-only. Of the host's files nothing else is there, so none of its sockets, queues,
//! homes or devices has a name (pivot_root(2), mount_namespaces(7)).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::system;

/// Where the old root is until everything has been bound.
const OLD: &str = "/old";

/// Room for programs and what they write in the working directory.
const WORK: &str = "size=256m,mode=";

/// Room for temporary files, and as much for shared memory with a name.
const TEMPORARY: &str = "size=64m,mode=1777";

/// The directories that are written to, in the new root.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) work: PathBuf,
    pub(crate) temporary: PathBuf,
}

/// Enters a new root, in a mount namespace of this process's own. `needed` is bound beside what
/// every program needs. Whether everybody may write to the working directory is `shared`. What
/// shows processes is still the host's: [`mount_proc`] comes after the process namespace.
pub(crate) fn enter(needed: &[PathBuf], shared: bool) -> Result<Root> {
    let system = system::paths();
    let nothing: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing).context("mount --make-rprivate /")?;
    // Any directory will do: the mount moves from there to the root, and uncovers it again.
    let base = ["/tmp", "/mnt", "/var", "/usr"].map(Path::new);
    let base = base.into_iter().find(|base| base.is_dir()).context("no directory to mount on")?;
    memory(base, "size=16m,mode=0755").context("mount a new root")?;
    let old = base.join("old");
    fs::create_dir(&old)?;
    nix::unistd::pivot_root(base, &old).context("pivot_root")?;
    std::env::set_current_dir("/")?;

    let free = |names: [&str; 2]| {
        let taken = |name: &Path| needed.iter().chain(&system).any(|it| it.starts_with(name));
        names.map(PathBuf::from).into_iter().find(|name| !taken(name)).context("no free name")
    };
    let root = Root {
        work: free(["/submission", "/working-directory"])?,
        temporary: free(["/tmp", "/temporary"])?,
    };
    for path in system.iter().chain(needed) {
        bind(path).with_context(|| format!("bind {}", path.display()))?;
    }
    for device in system::DEVICES {
        let from = old_path(Path::new(device));
        if from.exists() {
            make_file(Path::new(device))?;
            mount(Some(&from), *device, nothing, MsFlags::MS_BIND, nothing).context(*device)?;
        }
    }
    for (name, leads) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        symlink(format!("/proc/self/{leads}"), Path::new("/dev").join(name))?;
    }
    fs::create_dir("/proc")?;
    let recursive = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(&old_path(Path::new("/proc"))), "/proc", nothing, recursive, nothing)
        .context("bind /proc")?;
    make(&root.work, &format!("{WORK}{}", if shared { "0777" } else { "0755" }))?;
    make(&root.temporary, TEMPORARY)?;
    make(Path::new("/dev/shm"), TEMPORARY)?;
    umount2(OLD, MntFlags::MNT_DETACH).context("umount the old root")?;
    fs::remove_dir(OLD)?;
    read_only(Path::new("/"), false).context("a read-only root")?;
    Ok(root)
}

fn make(path: &Path, options: &str) -> Result<()> {
    fs::create_dir_all(path)?;
    memory(path, options).with_context(|| format!("mount {}", path.display()))
}

fn memory(place: &Path, options: &str) -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), place, Some("tmpfs"), flags, Some(options))
}

fn old_path(path: &Path) -> PathBuf {
    Path::new(OLD).join(path.strip_prefix("/").unwrap_or(path))
}

/// Puts a file, a directory or a link of the host where it was, so that nobody can write to it.
fn bind(path: &Path) -> Result<()> {
    let from = old_path(path);
    if path.symlink_metadata().is_ok() {
        // It is inside of something that has been bound.
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if let (Ok(leads), true) = (fs::read_link(&from), path.parent() == Some(Path::new("/"))) {
        // `/bin` leads to `/usr/bin` on most systems.
        return Ok(symlink(leads, path)?);
    }
    // A link below would lead from here, and not from the old root.
    let from = resolve(&from)?;
    if from.is_dir() {
        fs::create_dir(path)?;
    } else {
        make_file(path)?;
    }
    let nothing: Option<&str> = None;
    mount(Some(&from), path, nothing, MsFlags::MS_BIND | MsFlags::MS_REC, nothing)?;
    read_only(path, true)
}

/// Follows links in the old root as if it were still the root.
fn resolve(from: &Path) -> Result<PathBuf> {
    let mut path = from.to_owned();
    for _ in 0..16 {
        let Ok(leads) = fs::read_link(&path) else { return Ok(path) };
        path = match leads.is_absolute() {
            true => old_path(&leads),
            false => path.parent().unwrap_or(Path::new(OLD)).join(leads),
        };
    }
    Ok(path)
}

fn make_file(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, "")?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o444))?)
}

/// mount_setattr(2).
const MOUNT_ATTR_RDONLY: u64 = 1;
const MOUNT_ATTR_NOSUID: u64 = 2;

/// Lets nobody write to what is mounted here, nor to what is mounted below.
pub(crate) fn read_only(path: &Path, below: bool) -> Result<()> {
    let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    // `struct mount_attr`: what is set, what is cleared, propagation, a user namespace.
    let attributes: [u64; 4] = [MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0];
    let flags = if below { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the name ends with a zero, the attributes are of the size that is given.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            name.as_ptr(),
            flags,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    if done == 0 {
        return Ok(());
    }
    // Before Linux 5.12, or where it is refused: what is mounted here, but nothing below.
    let nothing: Option<&str> = None;
    let state = nix::sys::statvfs::statvfs(path)?;
    let mut flags =
        MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    use nix::sys::statvfs::FsFlags;
    for (set, keep) in [
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if state.flags().contains(set) {
            flags |= keep;
        }
    }
    Ok(mount(nothing, path, nothing, flags, nothing)?)
}

/// Shows the processes of this namespace in `/proc`, and no others.
pub(crate) fn mount_proc() -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let nothing: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing)?;
    mount(Some("proc"), "/proc", Some("proc"), flags, nothing).context("mount /proc")
}
