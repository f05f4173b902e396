//! Goes into namespaces as far as they are to be had, and forks the supervisor there.

use std::fs;
use std::io::{self, Read};

use anyhow::{Context, Result, anyhow, bail};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setsid};

use crate::account::Account;
use crate::identity::{become_user, closed, die_with, stranger};
use crate::kill::kill_all;
use crate::limits;
use crate::place::Spaces;
use crate::root;
use crate::spec::{Inspect, Spec};
use crate::supervisor;

/// The user that the program runs as, seen from inside.
const INSIDE: u32 = 1000;

/// How a run can be isolated, from the best to the least.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plan {
    /// In a user namespace, and all others inside.
    Unprivileged,
    /// In all others, as root, where user namespaces are not allowed.
    Root,
    /// In none.
    Bare,
}

/// The exit status of an attempt that could not be isolated as planned.
const NOT_THIS_WAY: i32 = 42;

/// The keeper's `main`; never returns.
pub(crate) fn main(caller: i32, inspect: Inspect) -> ! {
    if let Err(error) = keep(caller, inspect) {
        Account { error: Some(format!("{error:#}")), ..Account::default() }.tell();
    }
    std::process::exit(0);
}

fn keep(caller: i32, inspect: Inspect) -> Result<()> {
    let caller = Pid::from_raw(caller);
    die_with(caller);
    let judges = [caller, nix::unistd::getpgrp(), nix::unistd::getpid()];
    // What a terminal sends to everybody, such as at Ctrl-C, is for the caller. When that is gone,
    // those here end in order.
    setsid().context("setsid")?;
    // What is made here is for the program, whoever that will be, and goes with the run.
    nix::sys::stat::umask(Mode::S_IWGRP | Mode::S_IWOTH);
    let mut length = [0; 8];
    io::stdin().read_exact(&mut length)?;
    let mut text = vec![0; u64::from_le_bytes(length) as usize];
    io::stdin().read_exact(&mut text)?;
    let spec: Spec = serde_json::from_slice(&text)?;

    limits::to_be_had(&spec)?;
    let root = Uid::effective().is_root();
    let mut account = Account::default();
    for plan in [Plan::Unprivileged, Plan::Root, Plan::Bare] {
        let possible = match plan {
            Plan::Unprivileged => spec.wants("namespaces") && spec.wants("user namespace"),
            Plan::Root => spec.wants("namespaces") && root,
            Plan::Bare => true,
        };
        if !possible {
            if plan == Plan::Unprivileged {
                account.missing.push("user namespace: not wanted".to_owned());
            }
            continue;
        }
        match attempt(plan, &spec, &account, &judges, inspect)? {
            None => return Ok(()),
            Some(why) => account.missing.push(why),
        }
    }
    bail!("no way to run it was left")
}

/// Isolates and supervises in a child, since what a process has entered it cannot leave. Says why
/// if it could not be isolated so.
fn attempt(
    plan: Plan,
    spec: &Spec,
    account: &Account,
    judges: &[Pid],
    inspect: Inspect,
) -> Result<Option<String>> {
    let keeper = nix::unistd::getpid();
    nix::sys::prctl::set_child_subreaper(true)?;
    let (reads, writes) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.context("fork")? {
        ForkResult::Child => {
            drop(reads);
            if plan != Plan::Bare {
                die_with(keeper);
            }
            let error = match enter(plan, spec, account, judges, inspect) {
                Ok(()) => std::process::exit(0),
                Err(error) => error,
            };
            let _ = nix::unistd::write(&writes, format!("{error:#}").as_bytes());
            std::process::exit(NOT_THIS_WAY);
        }
        ForkResult::Parent { child } => {
            drop(writes);
            let ended = wait_for(child)?;
            let mut why = String::new();
            fs::File::from(reads).read_to_string(&mut why)?;
            match ended {
                WaitStatus::Exited(_, 0) => Ok(None),
                WaitStatus::Exited(_, NOT_THIS_WAY) => Ok(Some(why)),
                status => {
                    // It has not tidied up.
                    kill_all(false);
                    match status {
                        WaitStatus::Signaled(_, signal, _) => {
                            bail!("the supervisor was ended by {signal}")
                        }
                        WaitStatus::Exited(_, code) => bail!("the supervisor exited with {code}"),
                        other => bail!("the supervisor: {other:?}"),
                    }
                }
            }
        }
    }
}

fn wait_for(child: Pid) -> Result<WaitStatus> {
    loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            status => return status.context("waitpid"),
        }
    }
}

/// Enters the namespaces and supervises there. Fails only before anything was run.
fn enter(
    plan: Plan,
    spec: &Spec,
    account: &Account,
    judges: &[Pid],
    inspect: Inspect,
) -> Result<()> {
    let mut account = Account { missing: account.missing.clone(), ..Account::default() };
    let mut spaces = Spaces::default();
    if Uid::effective().is_root() && spec.unprivileged {
        spaces.drop = stranger();
        let no = "a user without rights:";
        if spaces.drop.is_none() {
            account.missing.push(format!("{no} nobody can be become in this container"));
        } else if let Some(closed) = closed(&spec.needed, plan == Plan::Bare) {
            spaces.drop = None;
            account.missing.push(format!("{no} {} is closed to others", closed.display()));
        }
    }
    if spaces.drop.is_some() {
        account.isolation.push("user number of its own".to_owned());
    }
    if plan == Plan::Bare {
        // Orphans come to the nearest subreaper, so none is lost.
        nix::sys::prctl::set_child_subreaper(true)?;
        spaces.judges = judges.iter().map(|pid| pid.as_raw()).collect();
        spaces.judges.push(std::process::id() as i32);
        supervisor::main(spec, &spaces, account, inspect, |_| ());
    }
    if plan == Plan::Unprivileged {
        if let Some(number) = spaces.drop.take() {
            // Root can bind what the stranger has no way to.
            if unshare(CloneFlags::CLONE_NEWNS).is_ok() {
                spaces.root = Some(root::enter(&spec.needed, true)?);
            }
            become_user(number, true)?;
        }
        let (uid, gid) = (Uid::effective(), Gid::effective());
        unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| match errno {
            Errno::ENOSPC => anyhow!("user namespace: there are none (user.max_user_namespaces)"),
            errno => anyhow!("user namespace: not allowed here: {}", errno.desc()),
        })?;
        fs::write("/proc/self/setgroups", "deny").context("user namespace: setgroups")?;
        fs::write("/proc/self/uid_map", format!("{INSIDE} {uid} 1"))
            .context("user namespace: uid_map")?;
        fs::write("/proc/self/gid_map", format!("{INSIDE} {gid} 1"))
            .context("user namespace: gid_map")?;
        account.isolation.push("user namespace".to_owned());
        spaces.user = true;
    }
    for (name, flag) in [
        ("process namespace", CloneFlags::CLONE_NEWPID),
        ("mount namespace", CloneFlags::CLONE_NEWNS),
        ("network namespace", CloneFlags::CLONE_NEWNET),
        ("IPC namespace", CloneFlags::CLONE_NEWIPC),
    ] {
        unshare(flag).context(name)?;
        account.isolation.push(name.to_owned());
    }
    account.isolation.push("root directory of its own".to_owned());
    (spaces.process, spaces.mount) = (true, true);
    let (reads, writes) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.context("fork")? {
        ForkResult::Child => {
            drop(reads);
            // Whether the parent is still there cannot be asked: it is outside of the namespace, and
            // whoever is there looks like number 0. If it is gone, the lifeline is closed.
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            supervisor::main(spec, &spaces, account, inspect, move |why| {
                let _ = nix::unistd::write(&writes, why.as_bytes());
                std::process::exit(NOT_THIS_WAY);
            });
        }
        ForkResult::Parent { child } => {
            drop(writes);
            let ended = wait_for(child)?;
            let mut why = String::new();
            fs::File::from(reads).read_to_string(&mut why)?;
            match ended {
                WaitStatus::Exited(_, 0) => Ok(()),
                WaitStatus::Exited(_, NOT_THIS_WAY) => bail!("namespaces: {why}"),
                _ => std::process::exit(1),
            }
        }
    }
}
