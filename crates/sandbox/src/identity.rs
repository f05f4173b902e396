//! As whom a program runs, and with whom it dies.

use std::fs;

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

/// Gives up root for good.
pub(crate) fn become_user(number: u32) -> Result<()> {
    let (uid, gid) = (Uid::from_raw(number), Gid::from_raw(number));
    setgroups(&[]).context("setgroups")?;
    setresgid(gid, gid, gid).context("setresgid")?;
    setresuid(uid, uid, uid).context("setresuid")?;
    // The change of user took both away.
    let _ = nix::sys::prctl::set_dumpable(true);
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    Ok(())
}
