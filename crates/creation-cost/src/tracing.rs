//! What the kernel reports about a child that is traced: the system calls it makes, and by which
//! kind of call it makes new tasks. The same interface as strace's, ptrace(2).

use anyhow::{Context, Result};
use lab::child::{Child, explain, status};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What a traced task did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The first task made a system call of this number.
    Call(u64),
    /// A task that it made did.
    CallOfNew(u64),
    /// The first task asked for a new one, with these flags of clone(2).
    Made(u64),
}

/// Runs `body` in a traced child and returns what the kernel reported of it and of all tasks
/// that it made. `None` where tracing is not permitted.
pub fn traced(body: impl FnOnce() -> Result<()>) -> Result<Option<Vec<Event>>> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            if ptrace::traceme().is_err() {
                return 1;
            }
            status(raise(Signal::SIGSTOP).map_err(explain("raise")).and_then(|()| body()))
        })
    }?;
    let first = child.pid();
    if !matches!(waitpid(first, None).context("waitpid")?, WaitStatus::Stopped(_, Signal::SIGSTOP))
    {
        std::mem::forget(child);
        return Ok(None);
    }
    let options = Options::PTRACE_O_EXITKILL
        | Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK;
    ptrace::setoptions(first, options).context("PTRACE_SETOPTIONS")?;
    ptrace::syscall(first, None).context("PTRACE_SYSCALL")?;
    let mut events = Vec::new();
    loop {
        let (task, signal) = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::PtraceSyscall(task)) => {
                if let Some((call, arguments)) = entered(task) {
                    let own = task == first;
                    events.push(if own { Event::Call(call) } else { Event::CallOfNew(call) });
                    if own && let Some(flags) = flags(task, call, arguments[0]) {
                        events.push(Event::Made(flags));
                    }
                }
                (task, None)
            }
            Ok(WaitStatus::PtraceEvent(task, ..)) => (task, None),
            // A new task begins with SIGSTOP, and a program that is loaded with SIGTRAP.
            Ok(WaitStatus::Stopped(task, Signal::SIGSTOP | Signal::SIGTRAP)) => (task, None),
            Ok(WaitStatus::Stopped(task, signal)) => (task, Some(signal)),
            Ok(ended @ (WaitStatus::Exited(task, _) | WaitStatus::Signaled(task, ..))) => {
                if task == first {
                    std::mem::forget(child);
                    anyhow::ensure!(ended == WaitStatus::Exited(first, 0), "traced: {ended:?}");
                    return Ok(Some(events));
                }
                continue;
            }
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => return Err(error).context("waitpid"),
        };
        match ptrace::syscall(task, signal) {
            // The task was ended by someone else in the meantime, and will be reported so.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(error).context("PTRACE_SYSCALL"),
        }
    }
}

/// The number of the system call that `task` is about to make and its arguments; `None` at a
/// call's return.
fn entered(task: Pid) -> Option<(u64, [u64; 6])> {
    let info = ptrace::syscall_info(task).ok()?;
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    // SAFETY: the kernel says that the entry is what it filled in.
    let entry = unsafe { info.u.entry };
    Some((entry.nr, entry.args))
}

/// The flags with which a call makes a task; `None` if it makes none. What ptrace reports by itself
/// is a class of call: a clone that copies and one that borrows are the same to it.
fn flags(task: Pid, call: u64, argument: u64) -> Option<u64> {
    match call as libc::c_long {
        libc::SYS_clone => Some(argument),
        // The flags are the first field of what the argument points to.
        libc::SYS_clone3 => {
            ptrace::read(task, argument as ptrace::AddressType).ok().map(|f| f as u64)
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork => Some(0),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork => Some((libc::CLONE_VM | libc::CLONE_VFORK) as u64),
        _ => None,
    }
}

/// What a task that is made with these flags shares, in a word or two.
pub fn kind(flags: u64) -> &'static str {
    let has = |flag: libc::c_int| flags & flag as u64 != 0;
    match (has(libc::CLONE_THREAD), has(libc::CLONE_VM), has(libc::CLONE_VFORK)) {
        (true, ..) => "clone",
        (_, true, true) => "vfork",
        (_, true, false) => "clone, same memory",
        (_, false, true) => "vfork with a copy",
        (_, false, false) => "fork",
    }
}
