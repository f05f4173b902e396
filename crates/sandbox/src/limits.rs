//! How much a program may take: resource limits, getrlimit(2).

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::spec::{Allow, Job};

/// Times more processes than a job may have, which the kernel allows: the supervisor notices what is
/// between, ends the job, and the limit is never reached. So runs of one user, for whom the
/// kernel counts together, do not take processes from each other.
const MORE: u64 = 8;

/// Sets the limits of this process and of those that come from it.
pub(crate) fn limit(job: &Job, others: u64) -> Result<()> {
    let limits = &job.limits;
    let seconds = limits.seconds.ceil() as u64 + 1;
    let builds = job.allows(Allow::Building);
    let memory = if builds { 8 << 30 } else { 2 << 30 };
    if job.sees_processes {
        // A child may raise it for itself, to see what a status says then.
        let (_, most) = getrlimit(Resource::RLIMIT_CORE)?;
        setrlimit(Resource::RLIMIT_CORE, 0, most.min(1 << 20)).context("RLIMIT_CORE")?;
    } else {
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
    // A compiler forks nothing that what it compiles could tell it to.
    if !builds {
        most_of(Resource::RLIMIT_NPROC, MORE * limits.processes + others)?;
    }
    Ok(())
}

/// Lowers a limit, or leaves it if it is lower.
fn most_of(resource: Resource, value: u64) -> Result<()> {
    let (_, most) = getrlimit(resource)?;
    let value = value.min(most);
    setrlimit(resource, value, value).with_context(|| format!("{resource:?}"))
}
