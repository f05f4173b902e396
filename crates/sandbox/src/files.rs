//! Which files a program may reach: Landlock, landlock(7).

use std::path::{Path, PathBuf};

use anyhow::Result;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};

use crate::spec::{Allow, Job};
use crate::system;

/// Denies access to all files but those that the job needs. Says whether the kernel does it.
pub(crate) fn restrict(
    job: &Job,
    needed: &[PathBuf],
    work: &Path,
    writable: &[&Path],
) -> Result<bool> {
    let abi = ABI::V6;
    let read = AccessFs::from_read(abi);
    let all = AccessFs::from_all(abi);
    let mut readable = system::paths();
    readable.extend(needed.iter().cloned());
    readable.push(work.to_owned());
    if job.sees_processes {
        readable.push("/proc".into());
    }
    let mut writable = if job.allows(Allow::Files) { writable.to_vec() } else { Vec::new() };
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
        .add_rules(path_beneath_rules(system::DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(writable, all))?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// The version of Landlock that this kernel has; 0 or less if it has none.
pub(crate) fn version() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: with this flag, landlock_create_ruleset(2) takes no pointer and returns a number.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, VERSION) }
}
