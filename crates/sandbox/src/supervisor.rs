//! Starts each job, and says what became of all of them.

use std::fs;
use std::time::Instant;

use anyhow::{Result, ensure};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::account::{Account, How};
use crate::files;
use crate::kill::kill_all;
use crate::place::{Place, Spaces, copy_all, duplicate};
use crate::spec::{Inspect, Spec};
use crate::watch::Watch;

/// The supervisor's `main`; never returns. Calls `cannot` with the reason if the directories cannot
/// be mounted; what it fails at after that is told in the account.
pub(crate) fn main(
    spec: &Spec,
    spaces: &Spaces,
    mut account: Account,
    inspect: Inspect,
    cannot: impl FnOnce(String),
) -> ! {
    let place = match Place::prepare(spec, spaces) {
        Ok(place) => place,
        Err(error) => {
            cannot(format!("{error:#}"));
            account.error = Some(format!("{error:#}"));
            account.tell();
            std::process::exit(0);
        }
    };
    if let Err(error) = supervise(spec, spaces, &place, &mut account, inspect) {
        account.error = Some(format!("{error:#}"));
    }
    // What a namespace holds is killed by the kernel at the latest when this process ends.
    if !kill_all(spaces.process) && !spaces.process {
        account.error = Some(REMAINS.to_owned());
    }
    place.remove();
    account.tell();
    std::process::exit(0);
}

/// What is said if something survives SIGKILL.
const REMAINS: &str = "what was started cannot be ended";

/// Says in the account which isolation is in force, of that which each program brings on itself.
fn isolation(spec: &Spec, account: &mut Account) {
    if spec.wants("seccomp") {
        account.isolation.push("seccomp".to_owned());
    } else {
        account.missing.push("seccomp: not wanted".to_owned());
    }
    if !spec.wants("Landlock") {
        account.missing.push("Landlock: not wanted".to_owned());
    } else if files::version() > 0 {
        account.isolation.push(format!("Landlock (version {})", files::version()));
    } else {
        account.missing.push("Landlock: this kernel does not have it".to_owned());
    }
    account.isolation.push("resource limits".to_owned());
}

/// The largest file that is looked through, in bytes: it is read into memory.
const LARGEST: u64 = 64 << 20;

fn supervise(
    spec: &Spec,
    spaces: &Spaces,
    place: &Place,
    account: &mut Account,
    inspect: Inspect,
) -> Result<()> {
    isolation(spec, account);
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    mask.thread_block()?;
    let children = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    for (index, job) in spec.jobs.iter().enumerate() {
        if let Some(late) = spec.late.get(index) {
            place.put(late)?;
        }
        let mut watch = Watch::new(spec, spaces, place, job, &children);
        let start = Instant::now();
        if let Err(error) = watch.run() {
            watch.end.how = How::NotStarted(format!("{error:#}"));
        }
        watch.end.seconds = start.elapsed().as_secs_f64();
        ensure!(kill_all(spaces.process), REMAINS);
        if let (Some(name), How::Exited(0)) = (&job.inspect, &watch.end.how) {
            let path = place.work.join(name);
            watch.end.refused = if fs::metadata(&path)?.len() > LARGEST {
                vec![format!("more than {} MiB once it is compiled", LARGEST >> 20)]
            } else {
                inspect(name, &fs::read(path)?)
            };
        }
        let goes_on = watch.end.how == How::Exited(0) && watch.end.refused.is_empty();
        account.ends.push(watch.end);
        if !goes_on {
            return Ok(());
        }
    }
    if let Some((name, fd)) = &spec.fetch {
        copy_all(&fs::File::open(place.work.join(name))?, &mut duplicate(*fd)?)?;
    }
    Ok(())
}
