//! As whom a program runs, and with whom it dies.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Pid, Uid, setgroups, setresgid, setresuid};

/// Who nobody is, by convention.
const NOBODY: u32 = 65534;

/// The first of the numbers for users that are nobody's, one for each run.
const STRANGERS: u32 = 1_000_000_000;

/// Makes the kernel kill this process when `parent` ends, prctl(2).
pub(crate) fn die_with(parent: Pid) {
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    if nix::unistd::getppid() != parent {
        std::process::exit(1);
    }
}

/// A user that nobody else is, so that runs at the same time can do nothing to each other, and
/// the kernel counts the processes of each by itself. In a container there may be no such users, but
/// nobody, or not even that.
pub(crate) fn stranger() -> Option<u32> {
    // Without CAP_SETGID and CAP_SETUID, numbers 6 and 7 of capabilities(7), nobody can be become.
    if !has_capability(6) || !has_capability(7) {
        return None;
    }
    let exists = |map: &str, number: u32| {
        let text = fs::read_to_string(map).unwrap_or_default();
        text.lines().any(|line| {
            let mut fields = line.split_whitespace().map(|field| field.parse::<u64>());
            let (Some(Ok(first)), Some(Ok(_)), Some(Ok(count))) =
                (fields.next(), fields.next(), fields.next())
            else {
                return false;
            };
            (first..first + count).contains(&u64::from(number))
        })
    };
    let exists = |number: &u32| {
        exists("/proc/self/uid_map", *number) && exists("/proc/self/gid_map", *number)
    };
    [STRANGERS + std::process::id(), NOBODY].into_iter().find(exists)
}

/// Whether no other run is this user.
pub(crate) fn is_stranger(user: u32) -> bool {
    user >= STRANGERS
}

fn has_capability(number: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    effective.is_some_and(|mask| mask >> number & 1 == 1)
}

/// The first of these that is closed to a user who is nobody: itself, or the first thing inside, or,
/// if that user has to walk there, above.
pub(crate) fn closed(paths: &[PathBuf], on_the_way: bool) -> Option<&PathBuf> {
    paths.iter().find(|path| {
        let inside = fs::read_dir(path).ok().and_then(|mut it| it.next()?.ok());
        let inside = inside.is_none_or(|entry| permits(&entry.path(), 0o4));
        !(inside && permits(path, 0o5) && (!on_the_way || reachable(path)))
    })
}

/// Whether everybody can walk to this path.
pub(crate) fn reachable(path: &Path) -> bool {
    path.ancestors().skip(1).all(|above| permits(above, 0o1))
}

/// Whether a file or directory permits this to everybody, as for chmod(2).
pub(crate) fn permits(path: &Path, what: u32) -> bool {
    fs::metadata(path).is_ok_and(|it| it.permissions().mode() & what == what)
}

/// Gives up root for good. Who changes the user is no longer killed with its parent, unless `dies`.
pub(crate) fn become_user(number: u32, dies: bool) -> Result<()> {
    let (uid, gid) = (Uid::from_raw(number), Gid::from_raw(number));
    setgroups(&[]).context("setgroups")?;
    setresgid(gid, gid, gid).context("setresgid")?;
    setresuid(uid, uid, uid).context("setresuid")?;
    // The change of user took both away.
    let _ = nix::sys::prctl::set_dumpable(true);
    if dies {
        let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    }
    Ok(())
}

/// The version of capset(2) that has two words for each set.
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Gives up every capability, and the way to get one by executing something: also for user 0, who
/// is what a container may have as its only user (capabilities(7)).
pub(crate) fn drop_capabilities() -> Result<()> {
    // SECBIT_NOROOT, SECBIT_NO_SETUID_FIXUP, SECBIT_KEEP_CAPS' lock, SECBIT_NO_CAP_AMBIENT_RAISE,
    // and the locks of all of them. It fails for who has no capability, and needs none of it.
    const BITS: libc::c_ulong = 0b1110_1111;
    // SAFETY: prctl(2) with these takes integers; capset(2) reads two structures of this layout.
    let done = unsafe {
        for capability in 0..64 {
            libc::prctl(libc::PR_CAPBSET_DROP, capability as libc::c_ulong, 0, 0, 0);
        }
        libc::prctl(libc::PR_SET_SECUREBITS, BITS, 0, 0, 0);
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        let header = [CAPABILITY_VERSION_3, 0];
        let none = [0_u32; 6];
        libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr())
    };
    nix::errno::Errno::result(done).context("capset")?;
    Ok(())
}
