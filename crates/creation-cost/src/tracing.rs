//! What the kernel reports about a child that is traced: the system calls it makes, and by which
//! kind of call it makes new tasks. The same interface as strace's, ptrace(2).

use anyhow::{Context, Result};
use lab::child::Child;
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
    /// A task was made by a clone whose flags are those of a thread or of something like it.
    Clone,
    /// A task was made by a clone that suspends its maker, as vfork does.
    Vfork,
    /// A task was made by fork, or a clone that does the same.
    Fork,
}

/// Runs `body` in a traced child and returns what the kernel reported of it and of all tasks
/// that it made. `None` where tracing is not permitted.
pub fn traced(body: impl FnOnce() -> Result<()>) -> Result<Option<Vec<Event>>> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            if ptrace::traceme().is_err() || raise(Signal::SIGSTOP).is_err() {
                return 1;
            }
            i32::from(body().is_err())
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
                events.extend(entered(task).map(|call| match task == first {
                    true => Event::Call(call),
                    false => Event::CallOfNew(call),
                }));
                (task, None)
            }
            Ok(WaitStatus::PtraceEvent(task, _, event)) => {
                events.extend(match event {
                    libc::PTRACE_EVENT_CLONE => Some(Event::Clone),
                    libc::PTRACE_EVENT_FORK => Some(Event::Fork),
                    libc::PTRACE_EVENT_VFORK => Some(Event::Vfork),
                    _ => None,
                });
                (task, None)
            }
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

/// The number of the system call that `task` is about to make; `None` at a call's return.
fn entered(task: Pid) -> Option<u64> {
    let info = ptrace::syscall_info(task).ok()?;
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    // SAFETY: the kernel says that the entry is what it filled in.
    Some(unsafe { info.u.entry.nr })
}
