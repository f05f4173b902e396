//! Counts system calls as strace(1) does: the kernel stops the traced process at each.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use lab::child::{Child, ended_by, exit, explain, status};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Runs `work` in a child and counts the system calls that it makes, with all threads that it
/// starts and processes that it forks. `None` if tracing is not allowed here.
pub fn count(work: impl FnOnce() -> Result<()>) -> Result<Option<u64>> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            if ptrace::traceme().is_err() {
                exit(NOT_ALLOWED);
            }
            // The tracer sets its options while the child is stopped here.
            status(raise(Signal::SIGSTOP).map_err(explain("raise")).and_then(|()| work()))
        })
    }?;
    let first = child.pid();
    if let WaitStatus::Exited(_, status) = wait(first)? {
        std::mem::forget(child);
        return if status == NOT_ALLOWED { Ok(None) } else { bail!("the child ended early") };
    }
    let follow = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(first, follow).context("PTRACE_SETOPTIONS")?;
    go_on(first, None)?;

    let (mut entered, mut calls) = (BTreeSet::new(), 0);
    loop {
        match wait(Pid::from_raw(-1))? {
            // Each call stops its thread twice: on its way in and on its way out.
            WaitStatus::PtraceSyscall(thread) => {
                if !entered.remove(&thread) {
                    entered.insert(thread);
                    calls += 1;
                }
                go_on(thread, None)?;
            }
            WaitStatus::PtraceEvent(thread, ..) => go_on(thread, None)?,
            // New threads and processes begin with a stop that is not a signal to them.
            WaitStatus::Stopped(thread, Signal::SIGSTOP) => go_on(thread, None)?,
            WaitStatus::Stopped(thread, signal) => go_on(thread, Some(signal))?,
            WaitStatus::Exited(thread, status) if thread == first => {
                std::mem::forget(child);
                return if status == 0 { Ok(Some(calls)) } else { bail!("the traced work failed") };
            }
            WaitStatus::Signaled(thread, signal, _) if thread == first => {
                std::mem::forget(child);
                return Err(ended_by("the traced work", signal));
            }
            _ => {}
        }
    }
}

const NOT_ALLOWED: i32 = 77;

fn go_on(thread: Pid, signal: Option<Signal>) -> Result<()> {
    match ptrace::syscall(thread, signal) {
        // It was killed in the meantime; its end is reported next.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno).context("PTRACE_SYSCALL"),
    }
}

fn wait(pid: Pid) -> Result<WaitStatus> {
    loop {
        match waitpid(pid, Some(WaitPidFlag::__WALL)) {
            Err(Errno::EINTR) => {}
            status => return status.context("waitpid"),
        }
    }
}
