//! How much a program may take: resource limits, getrlimit(2); and whether this machine has as much
//! for it, so that what the machine lacks is not taken for a mistake of the program.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::processes;
use crate::spec::{Allow, Job, Spec};

/// Signals that may wait to be delivered: `kill` of a real-time signal fails beyond that.
const SIGNALS: u64 = 64;

/// Finds out whether everything that the jobs may use is to be had here. A compiler is told of by
/// itself if it has too little.
///
/// # Errors
///
/// If it is not, with the name of the limit.
pub(crate) fn to_be_had(spec: &Spec) -> Result<()> {
    let jobs = spec.jobs.iter().filter(|job| !job.allows(Allow::Building));
    for limits in jobs.clone().map(|job| &job.limits) {
        for (resource, least, what) in [
            (Resource::RLIMIT_NOFILE, limits.descriptors, "open files (ulimit -n)"),
            (Resource::RLIMIT_AS, limits.memory, "bytes of addresses (ulimit -v)"),
            (Resource::RLIMIT_SIGPENDING, SIGNALS, "waiting signals (ulimit -i)"),
        ] {
            let (_, most) = getrlimit(resource)?;
            ensure!(most >= least, "this machine allows {most} {what}, and {least} are needed");
        }
    }
    let processes = jobs.filter(|job| job.allows(Allow::Processes));
    let Some(needed) = processes.map(|job| job.limits.processes).max() else { return Ok(()) };
    for (room, what) in
        [(room_of_user()?, "ulimit -u"), (room_in_groups(), "pids.max of a container")]
    {
        ensure!(
            room.is_none_or(|room| room >= needed),
            "this machine has room for {} processes and threads ({what}), and {needed} are needed",
            room.unwrap_or_default()
        );
    }
    Ok(())
}

/// A limit on processes that is never near, whatever else the user runs.
const FAR: u64 = 4096;

/// How many more processes and threads this user may have; nothing if the limit is far.
fn room_of_user() -> Result<Option<u64>> {
    let (_, most) = getrlimit(Resource::RLIMIT_NPROC)?;
    // Root has no such limit.
    if most >= FAR || nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    Ok(Some(most.saturating_sub(processes::threads_of_user())))
}

/// How many more processes and threads may be made in the control groups of this process,
/// cgroups(7); nothing if they have no limit.
fn room_in_groups() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let rooms = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next().unwrap_or(""), fields.next().unwrap_or("/"));
        let top = match controllers {
            "" => "/sys/fs/cgroup",
            _ => "/sys/fs/cgroup/pids",
        };
        let counts = controllers.is_empty() || controllers.split(',').any(|it| it == "pids");
        let above = Path::new(group).ancestors().filter(move |_| counts);
        above.filter_map(move |group| room_in(&Path::new(top).join(group.strip_prefix("/").ok()?)))
    });
    rooms.min()
}

fn room_in(group: &Path) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(group.join(name)).ok()?.trim().parse().ok();
    let (most, now): (u64, u64) = (number("pids.max")?, number("pids.current")?);
    Some(most.saturating_sub(now))
}

/// Times more processes than a job may have, which the kernel allows: the supervisor notices what is
/// between, and ends the job. Those of a fork bomb all want a processor, and so does the supervisor.
const MORE: u64 = 2;

/// The same where the kernel counts all runs of a user together: so they do not take processes from
/// each other.
const MORE_TOGETHER: u64 = 8;

/// Sets the limits of this process and of those that come from it. `others` are the processes and threads
/// that the kernel counts with them; `together` says that further runs may come.
pub(crate) fn limit(job: &Job, others: u64, together: bool) -> Result<()> {
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
        let more = if together { MORE_TOGETHER } else { MORE };
        most_of(Resource::RLIMIT_NPROC, more * limits.processes + others)?;
    }
    Ok(())
}

/// Lowers a limit, or leaves it if it is lower.
fn most_of(resource: Resource, value: u64) -> Result<()> {
    let (_, most) = getrlimit(resource)?;
    let value = value.min(most);
    setrlimit(resource, value, value).with_context(|| format!("{resource:?}"))
}
